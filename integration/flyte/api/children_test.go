// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// child is an action below a parent, without what it is.
func child(parent *common.ActionIdentifier, name string) *actions.Action {
	base := "s3://drydock/flytesnacks/development/" + parent.GetRun().GetName()
	return &actions.Action{
		ActionId: &common.ActionIdentifier{Run: parent.GetRun(), Name: name}, ParentActionName: proto.String(parent.GetName()),
		InputUri: base + "/" + name + "/inputs.pb", RunOutputBase: base,
	}
}

func (f *fixture) enqueue(a *actions.Action) error {
	_, err := f.actions.Enqueue(context.Background(), connect.NewRequest(&actions.EnqueueRequest{Action: a}))
	return err
}

func (f *fixture) enqueueTask(parent *common.ActionIdentifier, name string) *common.ActionIdentifier {
	f.t.Helper()
	a := child(parent, name)
	a.Spec = &actions.Action_Task{Task: &workflow.TaskAction{Id: &task.TaskIdentifier{Name: "hello.main"}, Spec: hello()}}
	if err := f.enqueue(a); err != nil {
		f.t.Fatal(err)
	}
	return a.GetActionId()
}

// news follows a parent's stream; each message becomes a line.
type news struct {
	lines  chan string
	err    chan error
	cancel context.CancelFunc
}

func (f *fixture) watch(parent *common.ActionIdentifier) *news {
	ctx, cancel := context.WithCancel(context.Background())
	f.t.Cleanup(cancel)
	n := &news{lines: make(chan string, 1000), err: make(chan error, 1), cancel: cancel}
	stream, err := f.actions.WatchForUpdates(ctx, connect.NewRequest(&actions.WatchForUpdatesRequest{
		Filter: &actions.WatchForUpdatesRequest_ParentActionId{ParentActionId: parent}}))
	if err != nil {
		f.t.Fatal(err)
	}
	go func() {
		for stream.Receive() {
			m := stream.Msg()
			if m.GetControlMessage().GetSentinel() {
				n.lines <- "sentinel"
				continue
			}
			u := m.GetActionUpdate()
			line := u.GetActionId().GetName() + " " + strings.TrimPrefix(u.GetPhase().String(), "ACTION_PHASE_")
			if u.GetError() != nil {
				line += " " + u.GetError().GetCode()
			}
			if u.GetOutputUri() == "" {
				line += " without output_uri"
			} else if strings.HasSuffix(u.GetOutputUri(), ".pb") {
				line += " file"
			}
			if u.GetValue() != nil {
				line += " value"
			}
			n.lines <- line
		}
		n.err <- stream.Err()
	}()
	return n
}

func (n *news) want(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		select {
		case got := <-n.lines:
			if got != want {
				t.Fatalf("next is %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q never came", want)
		}
	}
}

// until skips lines up to the one that is wanted.
func (n *news) until(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case got := <-n.lines:
			if got == want {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q never came", want)
		}
	}
}

func TestChildren(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	n := f.watch(root)
	n.want(t, "sentinel") // at once, and though there is no child

	c1 := f.enqueueTask(root, "c1")
	f.enqueueTask(root, "c1") // the same again starts nothing
	n.until(t, "c1 RUNNING")
	f.launcher.finish(t, at(c1, 1), engine.End{Phase: failed, Error: failure("OOMKilled", "too much")})
	n.want(t, "c1 FAILED OOMKilled")
	if d := f.details(c1); d.GetMetadata().GetParent() != "a0" || d.GetStatus().GetAttempts() != 1 {
		t.Errorf("details: %v", d)
	}

	trace := child(root, "tr1")
	trace.Spec = &actions.Action_Trace{Trace: &workflow.TraceAction{Name: "step", Phase: succeeded,
		StartTime: timestamppb.New(time.Unix(100, 0)), EndTime: timestamppb.New(time.Unix(101, 0)),
		Outputs: &task.OutputReferences{OutputUri: trace.GetRunOutputBase() + "/tr1/outputs.pb"}, Spec: &task.TraceSpec{Interface: hello().GetTaskTemplate().GetInterface()}}}
	f.put(trace.GetRunOutputBase()+"/tr1/outputs.pb", &task.Outputs{Literals: []*task.NamedLiteral{{Name: "o0", Value: literal(5)}}})
	if err := f.enqueue(trace); err != nil {
		t.Fatal(err)
	}
	n.want(t, "tr1 SUCCEEDED file")
	data, err := f.data.GetActionData(t.Context(), connect.NewRequest(&dataproxy.GetActionDataRequest{ActionId: trace.GetActionId()}))
	if err != nil || len(data.Msg.GetOutputs().GetLiterals()) != 1 {
		t.Errorf("a trace's outputs: %v, %v", data, err)
	}
	if d := f.details(trace.GetActionId()); d.GetTrace() == nil || d.GetStatus().GetDurationMs() != 1000 || d.GetMetadata().GetTrace().GetName() != "step" {
		t.Errorf("a trace: %v", d)
	}

	// A second watcher, as after a retry of the parent, gets all of it first.
	again := f.watch(root)
	again.want(t, "c1 FAILED OOMKilled", "tr1 SUCCEEDED file", "sentinel")

	c2 := f.enqueueTask(root, "c2")
	n.until(t, "c2 RUNNING")
	grandchild := f.enqueueTask(c2, "g1")
	reason := "timed out waiting"
	if _, err := f.actions.Abort(t.Context(), connect.NewRequest(&actions.AbortRequest{ActionId: c2, Reason: &reason})); err != nil {
		t.Fatal(err)
	}
	n.want(t, "c2 ABORTED")
	f.await(grandchild, aborted)
	if got := f.details(c2).GetAbortInfo().GetReason(); got != reason {
		t.Errorf("aborted because %q", got)
	}
}

func TestEnqueueRefuses(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	asTask := func(a *actions.Action) *actions.Action {
		a.Spec = &actions.Action_Task{Task: &workflow.TaskAction{Spec: hello()}}
		return a
	}
	for _, tt := range []struct {
		name string
		a    *actions.Action
		code connect.Code
	}{
		{"nothing", nil, connect.CodeInvalidArgument},
		{"no kind", child(root, "x"), connect.CodeInvalidArgument},
		{"no name", asTask(child(root, "")), connect.CodeInvalidArgument},
		{"a path", asTask(child(root, "../x")), connect.CodeInvalidArgument},
		{"no parent", asTask(&actions.Action{ActionId: &common.ActionIdentifier{Run: root.GetRun(), Name: "x"}}), connect.CodeInvalidArgument},
		{"an unknown parent", asTask(child(&common.ActionIdentifier{Run: root.GetRun(), Name: "nobody"}, "x")), connect.CodeNotFound},
		{"an unknown run", asTask(child(&common.ActionIdentifier{Run: &common.RunIdentifier{Project: "p", Domain: "d", Name: "r"}, Name: "a0"}, "x")), connect.CodeNotFound},
	} {
		wantCode(t, tt.name, f.enqueue(tt.a), tt.code)
	}
	f.launcher.finish(t, at(root, 1), engine.End{Phase: succeeded})
	f.await(root, succeeded)
	wantCode(t, "a run that is over", f.enqueue(asTask(child(root, "late"))), connect.CodeAborted)
	_, err := f.actions.Abort(t.Context(), connect.NewRequest(&actions.AbortRequest{ActionId: child(root, "none").GetActionId()}))
	wantCode(t, "abort of nothing", err, connect.CodeNotFound)
}

// A full queue makes the client wait and repeat.
func TestEnqueueWhenBusy(t *testing.T) {
	f := newFixture(t, func(_ *Config, e *engine.Config) { e.MaxQueued = 1 })
	root := f.start()
	f.launcher.find(t, at(root, 1))
	f.launcher.mu.Lock() // nothing starts meanwhile
	defer f.launcher.mu.Unlock()
	f.enqueueTask(root, "c1")
	a := child(root, "c2")
	a.Spec = &actions.Action_Task{Task: &workflow.TaskAction{Spec: hello()}}
	wantCode(t, "one too many", f.enqueue(a), connect.CodeResourceExhausted)
}

func TestConditions(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	n := f.watch(root)
	n.want(t, "sentinel")
	ask := func(name string, of core.SimpleType) *common.ActionIdentifier {
		a := child(root, name)
		a.Spec = &actions.Action_Condition{Condition: &workflow.ConditionAction{Name: "approve",
			Type: &core.LiteralType{Type: &core.LiteralType_Simple{Simple: of}}, Prompt: "Go on?"}}
		if err := f.enqueue(a); err != nil {
			t.Fatal(err)
		}
		return a.GetActionId()
	}
	signal := func(id *common.ActionIdentifier, p *workflow.EventPayload) error {
		_, err := f.runs.SignalEvent(t.Context(), connect.NewRequest(&workflow.SignalEventRequest{ActionId: id, ParentActionName: "a0", Payload: p}))
		return err
	}
	yes := &workflow.EventPayload{Value: &workflow.EventPayload_BoolValue{BoolValue: true}}
	c1 := ask("c1", core.SimpleType_BOOLEAN)
	n.want(t, "c1 PAUSED")
	d := f.details(c1)
	if d.GetCondition().GetPrompt() != "Go on?" || d.GetMetadata().GetCondition().GetType().GetSimple() != core.SimpleType_BOOLEAN || d.GetStatus().GetPhase() != isPaused {
		t.Errorf("condition: %v", d)
	}
	paused := func() int {
		res, err := f.runs.ListRuns(t.Context(), connect.NewRequest(&workflow.ListRunsRequest{PausedActionsOnly: true}))
		if err != nil {
			t.Fatal(err)
		}
		return len(res.Msg.GetRuns())
	}
	if paused() != 1 {
		t.Error("the run is not listed as paused")
	}
	wantCode(t, "a signal without a value", signal(c1, nil), connect.CodeInvalidArgument)
	wantCode(t, "a signal of another type", signal(c1, &workflow.EventPayload{Value: &workflow.EventPayload_IntValue{IntValue: 1}}), connect.CodeInvalidArgument, "BOOLEAN")
	wantCode(t, "a signal to a task", signal(root, yes), connect.CodeInvalidArgument)
	if err := signal(c1, yes); err != nil {
		t.Fatal(err)
	}
	n.want(t, "c1 SUCCEEDED value")
	if v := f.details(c1).GetSignalInfo().GetOutput().GetScalar().GetPrimitive(); !v.GetBoolean() {
		t.Errorf("the value is %v", v)
	}
	if paused() != 0 {
		t.Error("the run is still listed as paused")
	}
	wantCode(t, "a second signal", signal(c1, yes), connect.CodeInvalidArgument)

	for i, tt := range []struct {
		of core.SimpleType
		p  *workflow.EventPayload
	}{
		{core.SimpleType_INTEGER, &workflow.EventPayload{Value: &workflow.EventPayload_IntValue{IntValue: 4}}},
		{core.SimpleType_FLOAT, &workflow.EventPayload{Value: &workflow.EventPayload_FloatValue{FloatValue: 4.5}}},
		{core.SimpleType_STRING, &workflow.EventPayload{Value: &workflow.EventPayload_StringValue{StringValue: "s"}}},
	} {
		if err := signal(ask(fmt.Sprint("t", i), tt.of), tt.p); err != nil {
			t.Errorf("%s: %v", tt.of, err)
		}
	}
	// What a task itself may send.
	c9 := ask("c9", core.SimpleType_INTEGER)
	_, err := f.actions.Signal(t.Context(), connect.NewRequest(&actions.SignalRequest{ActionId: c9, Value: literal(4)}))
	if err != nil {
		t.Error(err)
	}
	_, err = f.actions.Signal(t.Context(), connect.NewRequest(&actions.SignalRequest{ActionId: c9}))
	wantCode(t, "no value", err, connect.CodeInvalidArgument)
}

// No watch ends with CANCELED: a running task would not listen again.
func TestShutdownEndsWatches(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	n := f.watch(root)
	n.want(t, "sentinel")
	details, err := f.runs.WatchActionDetails(soon(f.t), connect.NewRequest(&workflow.WatchActionDetailsRequest{ActionId: root}))
	if err != nil || !details.Receive() {
		t.Fatal(err)
	}
	lines, err := f.data.TailLogs(soon(f.t), connect.NewRequest(&dataproxy.TailLogsRequest{ActionId: root, Attempt: 1}))
	if err != nil {
		t.Fatal(err)
	}
	f.engine.Close()
	wantCode(t, "WatchForUpdates", <-n.err, connect.CodeUnavailable)
	for details.Receive() {
	}
	wantCode(t, "WatchActionDetails", details.Err(), connect.CodeUnavailable)
	for lines.Receive() {
	}
	wantCode(t, "TailLogs", lines.Err(), connect.CodeUnavailable)
	_, err = f.create(&workflow.CreateRunRequest{Id: &workflow.CreateRunRequest_ProjectId{ProjectId: snacks},
		Task: &workflow.CreateRunRequest_TaskSpec{TaskSpec: hello()}, InputWrapper: &workflow.CreateRunRequest_Inputs{Inputs: inputs(1)}})
	wantCode(t, "CreateRun", err, connect.CodeUnavailable)
}

func TestWatchActions(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	c1 := f.enqueueTask(root, "c1")
	f.await(c1, running)
	stream, err := f.runs.WatchActions(soon(f.t), connect.NewRequest(&workflow.WatchActionsRequest{RunId: root.GetRun(),
		Filter: []*common.Filter{{Function: equal, Field: "parent_name", Values: []string{"a0"}}}}))
	if err != nil {
		t.Fatal(err)
	}
	if !stream.Receive() {
		t.Fatal(stream.Err())
	}
	got := map[string]string{}
	take := func() {
		for _, e := range stream.Msg().GetEnrichedActions() {
			got[e.GetAction().GetId().GetName()] = fmt.Sprintf("%d %v %v", e.GetAction().GetStatus().GetPhase(), e.GetMeetsFilter(), e.GetChildrenPhaseCounts())
		}
	}
	take()
	if diff := cmp.Diff(map[string]string{"a0": "4 false map[4:1]", "c1": "4 true map[]"}, got); diff != "" {
		t.Error(diff)
	}
	f.launcher.finish(t, at(c1, 1), engine.End{Phase: succeeded})
	for got["c1"] != "5 true map[]" && stream.Receive() {
		take()
	}
	if diff := cmp.Diff(map[string]string{"a0": "4 false map[5:1]", "c1": "5 true map[]"}, got); diff != "" {
		t.Error(diff)
	}
	f.launcher.finish(t, at(root, 1), engine.End{Phase: succeeded})
	for stream.Receive() {
		take()
	}
	if got["a0"] != "5 false map[5:1]" || stream.Err() != nil {
		t.Errorf("at the end: %v, %v", got, stream.Err())
	}
}

func (f *fixture) enqueueTrace(parent *common.ActionIdentifier, name string) *common.ActionIdentifier {
	f.t.Helper()
	a := child(parent, name)
	a.Spec = &actions.Action_Trace{Trace: &workflow.TraceAction{Name: "step", Phase: succeeded,
		Outputs: &task.OutputReferences{OutputUri: a.GetRunOutputBase() + "/" + name + "/outputs.pb"}}}
	if err := f.enqueue(a); err != nil {
		f.t.Fatal(err)
	}
	return a.GetActionId()
}
