// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/objects"
)

var snacks = &common.ProjectIdentifier{Organization: "whatever", Name: "flytesnacks", Domain: "development"}

func (f *fixture) create(m *workflow.CreateRunRequest) (*workflow.Run, error) {
	res, err := f.runs.CreateRun(context.Background(), connect.NewRequest(m))
	if err != nil {
		return nil, err
	}
	return res.Msg.GetRun(), nil
}

// start makes a run of hello with an invented name.
func (f *fixture) start(change ...func(*workflow.CreateRunRequest)) *common.ActionIdentifier {
	f.t.Helper()
	m := &workflow.CreateRunRequest{
		Id:           &workflow.CreateRunRequest_ProjectId{ProjectId: snacks},
		Task:         &workflow.CreateRunRequest_TaskSpec{TaskSpec: hello()},
		InputWrapper: &workflow.CreateRunRequest_Inputs{Inputs: inputs(1)},
		RunSpec:      &task.RunSpec{Labels: &task.Labels{Values: map[string]string{"team": "a"}}},
	}
	for _, c := range change {
		c(m)
	}
	run, err := f.create(m)
	if err != nil {
		f.t.Fatal(err)
	}
	return run.GetAction().GetId()
}

func (f *fixture) details(id *common.ActionIdentifier) *workflow.ActionDetails {
	f.t.Helper()
	res, err := f.runs.GetActionDetails(context.Background(), connect.NewRequest(&workflow.GetActionDetailsRequest{ActionId: id}))
	if err != nil {
		f.t.Fatal(err)
	}
	return res.Msg.GetDetails()
}

// await waits until an action is in a phase.
func (f *fixture) await(id *common.ActionIdentifier, phase common.ActionPhase) *workflow.ActionDetails {
	f.t.Helper()
	for range 1000 {
		if d := f.details(id); d.GetStatus().GetPhase() == phase {
			return d
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.t.Fatalf("%s is never %s: %v", id.GetName(), phase, f.details(id).GetStatus())
	return nil
}

func at(id *common.ActionIdentifier, number int) place {
	return place{id.GetRun().GetName(), id.GetName(), number}
}

func (f *fixture) put(uri string, m proto.Message) {
	f.t.Helper()
	key, err := objects.ParseURI(uri)
	if err != nil {
		f.t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.store.Put(context.Background(), key, strings.NewReader(string(data)), objects.PutOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, want connect.Code, words ...string) {
	t.Helper()
	if connect.CodeOf(err) != want || err == nil {
		t.Errorf("%s: %v, want %v", what, err, want)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

func TestRunToItsEnd(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()

	// As the SDK does it: inputs first, then the run.
	up, err := f.data.UploadInputs(ctx, connect.NewRequest(&dataproxy.UploadInputsRequest{
		Id:     &dataproxy.UploadInputsRequest_ProjectId{ProjectId: snacks},
		Task:   &dataproxy.UploadInputsRequest_TaskSpec{TaskSpec: hello()},
		Inputs: inputs(7), BaseDir: "s3://elsewhere/base"}))
	if err != nil {
		t.Fatal(err)
	}
	uri := up.Msg.GetOffloadedInputData().GetUri()
	if !strings.HasPrefix(uri, "s3://drydock/flytesnacks/development/offloaded-inputs/") || strings.HasSuffix(uri, ".pb") {
		t.Errorf("inputs are at %s", uri)
	}
	run, err := f.create(&workflow.CreateRunRequest{
		Id:           &workflow.CreateRunRequest_ProjectId{ProjectId: snacks},
		Task:         &workflow.CreateRunRequest_TaskSpec{TaskSpec: hello()},
		InputWrapper: &workflow.CreateRunRequest_OffloadedInputData{OffloadedInputData: up.Msg.GetOffloadedInputData()},
		RunSpec:      &task.RunSpec{Labels: &task.Labels{Values: map[string]string{"team": "a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	id := run.GetAction().GetId()
	if id.GetName() != "a0" || len(id.GetRun().GetName()) != 20 || run.GetAction().GetStatus().GetPhase() != queued || run.GetLabels()["team"] != "a" {
		t.Errorf("the run is %v", run)
	}

	watch, err := f.runs.WatchActionDetails(soon(f.t), connect.NewRequest(&workflow.WatchActionDetailsRequest{ActionId: id}))
	if err != nil {
		t.Fatal(err)
	}
	f.await(id, running)
	// The first attempt fails, the second one succeeds.
	f.launcher.finish(t, at(id, 1), engine.End{Phase: failed, Retry: engine.RetryUser, Error: failure("ValueError", "no")})
	second := f.launcher.find(t, at(id, 2))
	f.put(second.order.OutputURI+"/outputs.pb", &task.Outputs{Literals: []*task.NamedLiteral{{Name: "o0", Value: literal(9)}}})
	f.launcher.finish(t, at(id, 2), engine.End{Phase: succeeded})
	var last *workflow.ActionDetails
	for watch.Receive() {
		last = watch.Msg().GetDetails()
	}
	if err := watch.Err(); err != nil {
		t.Fatal(err)
	}
	status := last.GetStatus()
	if status.GetPhase() != succeeded || status.GetAttempts() != 2 || status.EndTime == nil || status.DurationMs == nil || status.GetStartTime() == nil {
		t.Errorf("status at the end: %v", status)
	}
	if diff := cmp.Diff(hello(), last.GetTask(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	one, two := last.GetAttempts()[0], last.GetAttempts()[1]
	if one.GetPhase() != failed || one.GetErrorInfo().GetMessage() != "ValueError: no" || one.GetAttempt() != 1 || !one.GetLogsAvailable() || one.GetEndTime() == nil {
		t.Errorf("attempt 1: %v", one)
	}
	if two.GetPhase() != succeeded || two.GetErrorInfo() != nil || two.GetAttempt() != 2 || two.GetOutputs().GetOutputUri() != second.order.OutputURI {
		t.Errorf("attempt 2: %v", two)
	}
	var phases []common.ActionPhase
	for _, p := range two.GetPhaseTransitions() {
		phases = append(phases, p.GetPhase())
		if p.GetStartTime() == nil || p.GetEndTime() == nil {
			t.Errorf("transition %v has no time", p)
		}
	}
	if diff := cmp.Diff([]common.ActionPhase{queued, running, succeeded}, phases); diff != "" {
		t.Error(diff)
	}
	meta := last.GetMetadata()
	if meta.GetFuntionName() != "main" || meta.GetEnvironmentName() != "hello" || meta.GetTask().GetId().GetName() != "hello.main" ||
		meta.GetTask().GetTaskType() != "python" || meta.GetActionType() != workflow.ActionType_ACTION_TYPE_TASK {
		t.Errorf("metadata: %v", meta)
	}

	data, err := f.data.GetActionData(ctx, connect.NewRequest(&dataproxy.GetActionDataRequest{ActionId: id}))
	if err != nil {
		t.Fatal(err)
	}
	want := &dataproxy.GetActionDataResponse{Inputs: inputs(7), Outputs: &task.Outputs{Literals: []*task.NamedLiteral{{Name: "o0", Value: literal(9)}}},
		InputsUri: uri + "/inputs.pb", OutputsUri: second.order.OutputURI}
	if diff := cmp.Diff(want, data.Msg, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	old, err := f.runs.GetActionData(ctx, connect.NewRequest(&workflow.GetActionDataRequest{ActionId: id}))
	if err != nil || !proto.Equal(old.Msg.GetOutputs(), want.GetOutputs()) {
		t.Errorf("the older form: %v, %v", old, err)
	}
	uris, err := f.runs.GetActionDataURIs(ctx, connect.NewRequest(&workflow.GetActionDataURIsRequest{ActionId: id}))
	if err != nil || uris.Msg.GetInputsUri() != want.InputsUri || uris.Msg.GetOutputsUri() != want.OutputsUri {
		t.Errorf("uris: %v, %v", uris, err)
	}
	place, err := f.runs.GetActionLogContext(ctx, connect.NewRequest(&workflow.GetActionLogContextRequest{ActionId: id, Attempt: 2}))
	if err != nil || place.Msg.GetLogContext().GetPrimaryPodName() == "" {
		t.Errorf("log context: %v, %v", place, err)
	}
	if len(f.warned()) > 0 {
		t.Errorf("warnings: %q", f.warned())
	}
}

func TestFailedRun(t *testing.T) {
	f := newFixture(t)
	id := f.start(func(m *workflow.CreateRunRequest) { m.GetTaskSpec().GetTaskTemplate().Metadata = nil })
	watch, err := f.runs.WatchRunDetails(soon(f.t), connect.NewRequest(&workflow.WatchRunDetailsRequest{RunId: id.GetRun()}))
	if err != nil {
		t.Fatal(err)
	}
	f.launcher.finish(t, at(id, 1), engine.End{Phase: failed, Error: failure("OOMKilled", "used 300 MiB, the limit is 250 MiB")})
	var last *workflow.RunDetails
	for watch.Receive() {
		last = watch.Msg().GetDetails()
	}
	info := last.GetAction().GetErrorInfo()
	want := &workflow.ErrorInfo{Message: "OOMKilled: used 300 MiB, the limit is 250 MiB", Kind: workflow.ErrorInfo_KIND_USER, Code: "OOMKilled"}
	if diff := cmp.Diff(want, info, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if last.GetRunSpec().GetLabels().GetValues()["team"] != "a" || last.GetRunSpec().GetRunStartTime() == nil {
		t.Errorf("run spec: %v", last.GetRunSpec())
	}
	// Clients ask for the outputs of failed runs, too.
	data, err := f.data.GetActionData(t.Context(), connect.NewRequest(&dataproxy.GetActionDataRequest{ActionId: id}))
	if err != nil || data.Msg.Outputs == nil || len(data.Msg.GetOutputs().GetLiterals()) != 0 || !proto.Equal(data.Msg.GetInputs(), inputs(1)) {
		t.Errorf("data: %v, %v", data, err)
	}
}

func TestAbortedRun(t *testing.T) {
	f := newFixture(t)
	id := f.start()
	f.await(id, running)
	reason := "not needed"
	for range 2 { // once more is no error
		if _, err := f.runs.AbortRun(t.Context(), connect.NewRequest(&workflow.AbortRunRequest{RunId: id.GetRun(), Reason: &reason})); err != nil {
			t.Fatal(err)
		}
	}
	d := f.await(id, aborted)
	if d.GetAbortInfo().GetReason() != reason || d.GetErrorInfo() != nil {
		t.Errorf("details: %v", d)
	}
	if _, err := f.runs.AbortAction(t.Context(), connect.NewRequest(&workflow.AbortActionRequest{ActionId: id})); err != nil {
		t.Error(err)
	}
	none := &common.ActionIdentifier{Run: id.GetRun(), Name: "none"}
	_, err := f.runs.AbortAction(t.Context(), connect.NewRequest(&workflow.AbortActionRequest{ActionId: none}))
	wantCode(t, "abort of nothing", err, connect.CodeNotFound)
}

func TestCreateRunRefuses(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *engine.Config) {
		c.CheckTask = func(s *task.TaskSpec) error {
			if s.GetTaskTemplate().GetType() == "spark" {
				return errors.New("tasks of type spark need a cluster")
			}
			return nil
		}
	})
	named := func(name string) func(*workflow.CreateRunRequest) {
		return func(m *workflow.CreateRunRequest) {
			m.Id = &workflow.CreateRunRequest_RunId{RunId: &common.RunIdentifier{Org: "x", Project: "p", Domain: "d", Name: name}}
		}
	}
	base := func() *workflow.CreateRunRequest {
		return &workflow.CreateRunRequest{Task: &workflow.CreateRunRequest_TaskSpec{TaskSpec: hello()},
			InputWrapper: &workflow.CreateRunRequest_Inputs{Inputs: inputs(1)}}
	}
	m := base()
	named("mine")(m)
	if _, err := f.create(m); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*workflow.CreateRunRequest)
		code   connect.Code
		words  string
	}{
		{"the same name", func(*workflow.CreateRunRequest) {}, connect.CodeAlreadyExists, "mine"},
		{"no id", func(m *workflow.CreateRunRequest) { m.Id = nil }, connect.CodeInvalidArgument, "project"},
		{"a path", named("../../etc"), connect.CodeInvalidArgument, "etc"},
		{"a dot", named(".x"), connect.CodeInvalidArgument, ""},
		{"a slash", named("a/b"), connect.CodeInvalidArgument, ""},
		{"a NUL", named("a\x00b"), connect.CodeInvalidArgument, ""},
		{"a long name", named(strings.Repeat("a", 64)), connect.CodeInvalidArgument, "63"},
		{"no task", func(m *workflow.CreateRunRequest) { m.Task = nil }, connect.CodeInvalidArgument, "task"},
		{"a task without a template", func(m *workflow.CreateRunRequest) {
			m.Task = &workflow.CreateRunRequest_TaskSpec{TaskSpec: &task.TaskSpec{}}
		}, connect.CodeInvalidArgument, "task name"},
		{"a trigger", func(m *workflow.CreateRunRequest) {
			m.Task = &workflow.CreateRunRequest_TriggerName{TriggerName: &common.TriggerName{}}
		}, connect.CodeUnimplemented, "drydock"},
		{"an unknown task", func(m *workflow.CreateRunRequest) {
			m.Task = &workflow.CreateRunRequest_TaskId{TaskId: &task.TaskIdentifier{Project: "p", Domain: "d", Name: "t", Version: "v"}}
		}, connect.CodeNotFound, "t in p/d"},
		{"a task that cannot run here", func(m *workflow.CreateRunRequest) { m.GetTaskSpec().GetTaskTemplate().Type = "spark" },
			connect.CodeInvalidArgument, "need a cluster"},
		{"an input is missing", func(m *workflow.CreateRunRequest) { m.InputWrapper = nil; named("new")(m) }, connect.CodeInvalidArgument, `"x"`},
		{"inputs elsewhere", func(m *workflow.CreateRunRequest) {
			m.InputWrapper = &workflow.CreateRunRequest_OffloadedInputData{OffloadedInputData: &common.OffloadedInputData{Uri: "s3://other/x"}}
		}, connect.CodeInvalidArgument, "s3://other/x"},
		{"inputs that are gone", func(m *workflow.CreateRunRequest) {
			m.InputWrapper = &workflow.CreateRunRequest_OffloadedInputData{OffloadedInputData: &common.OffloadedInputData{Uri: "s3://drydock/x"}}
		}, connect.CodeInvalidArgument, "s3://drydock/x"},
	} {
		m := base()
		named("mine")(m)
		tt.change(m)
		_, err := f.create(m)
		wantCode(t, tt.name, err, tt.code, tt.words)
	}
}

func TestInlineInputs(t *testing.T) {
	f := newFixture(t)
	spec := hello()
	spec.DefaultInputs = []*task.NamedParameter{{Name: "x", Parameter: &core.Parameter{Behavior: &core.Parameter_Default{Default: literal(3)}}}}
	id := f.start(func(m *workflow.CreateRunRequest) {
		m.Task = &workflow.CreateRunRequest_TaskSpec{TaskSpec: spec}
		m.InputWrapper = nil
	})
	data, err := f.data.GetActionData(t.Context(), connect.NewRequest(&dataproxy.GetActionDataRequest{ActionId: id}))
	if err != nil || !proto.Equal(data.Msg.GetInputs(), inputs(3)) {
		t.Errorf("a default is not filled in: %v, %v", data, err)
	}
}

// Two calls that differ in an ignored input have one hash, but not one place.
func TestInputsHash(t *testing.T) {
	f := newFixture(t)
	up := func(in *task.Inputs, ignore ...string) *common.OffloadedInputData {
		t.Helper()
		spec := hello()
		spec.GetTaskTemplate().GetMetadata().CacheIgnoreInputVars = ignore
		res, err := f.data.UploadInputs(t.Context(), connect.NewRequest(&dataproxy.UploadInputsRequest{
			Id:   &dataproxy.UploadInputsRequest_RunId{RunId: &common.RunIdentifier{Project: "p", Domain: "d", Name: "r"}},
			Task: &dataproxy.UploadInputsRequest_TaskSpec{TaskSpec: spec}, Inputs: in, BaseDir: "s3://drydock/mine/"}))
		if err != nil {
			t.Fatal(err)
		}
		return res.Msg.GetOffloadedInputData()
	}
	with := func(names ...string) *task.Inputs {
		in := &task.Inputs{}
		for _, n := range names {
			in.Literals = append(in.Literals, &task.NamedLiteral{Name: n, Value: literal(int64(len(n)))})
		}
		return in
	}
	a, again := up(with("x", "seed")), up(with("x", "seed"))
	if !proto.Equal(a, again) {
		t.Errorf("the same inputs twice: %v, %v", a, again)
	}
	if !strings.HasPrefix(a.GetUri(), "s3://drydock/mine/p/d/offloaded-inputs/") {
		t.Errorf("inputs are at %s", a.GetUri())
	}
	if b := up(with("seed", "x")); b.GetInputsHash() != a.GetInputsHash() {
		t.Error("the order of inputs is in the hash")
	}
	if b := up(with("x")); b.GetInputsHash() == a.GetInputsHash() || b.GetUri() == a.GetUri() {
		t.Error("other inputs have the same hash")
	}
	c, d := up(with("x", "seed"), "seed"), up(with("x"), "seed")
	if c.GetInputsHash() != d.GetInputsHash() || c.GetUri() == d.GetUri() {
		t.Errorf("an ignored input: %v, %v", c, d)
	}
}

// What a task left behind may be anything; it is not the server's mistake.
func TestBrokenOutputs(t *testing.T) {
	f := newFixture(t)
	id := f.start()
	order := f.launcher.find(t, at(id, 1)).order
	key, err := objects.ParseURI(order.OutputURI + "/outputs.pb")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Put(t.Context(), key, strings.NewReader("what\xff"), objects.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	f.launcher.finish(t, at(id, 1), engine.End{Phase: succeeded})
	f.await(id, succeeded)
	_, err = f.data.GetActionData(t.Context(), connect.NewRequest(&dataproxy.GetActionDataRequest{ActionId: id}))
	wantCode(t, "garbage", err, connect.CodeFailedPrecondition, "outputs.pb")
	s := f.handler.server
	left := 3
	wantCode(t, "too much", s.load(t.Context(), order.OutputURI+"/outputs.pb", &left, &task.Outputs{}), connect.CodeFailedPrecondition, "at most 3")
	wantCode(t, "elsewhere", s.load(t.Context(), "s3://other/x", &left, &task.Outputs{}), connect.CodeFailedPrecondition, "s3://other/x")
}
