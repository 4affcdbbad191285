// SPDX-License-Identifier: Apache-2.0

package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

func TestErrorInfo(t *testing.T) {
	for _, tt := range []struct {
		in   *core.ExecutionError
		want *workflow.ErrorInfo
	}{
		{&core.ExecutionError{Kind: core.ExecutionError_USER, Code: "ValueError", Message: "no"},
			&workflow.ErrorInfo{Kind: workflow.ErrorInfo_KIND_USER, Code: "ValueError", Message: "ValueError: no"}},
		{&core.ExecutionError{Kind: core.ExecutionError_SYSTEM, Code: "Lost", Message: "Lost: gone"},
			&workflow.ErrorInfo{Kind: workflow.ErrorInfo_KIND_SYSTEM, Code: "Lost", Message: "Lost: gone"}},
		{&core.ExecutionError{Code: "X"}, &workflow.ErrorInfo{Code: "X", Message: "X"}},
		{&core.ExecutionError{Message: "m"}, &workflow.ErrorInfo{Message: "m"}},
	} {
		if diff := cmp.Diff(tt.want, errorInfo(tt.in), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
}

// An action that was aborted before it had an attempt shows one: clients take
// 0 attempts for a mistake.
func TestAttemptsOfNone(t *testing.T) {
	now := time.Unix(1e9, 0)
	a := &engine.Action{Task: &workflow.TaskAction{Spec: hello()}, Created: now, State: engine.State{Phase: queued}}
	if n := status(a).GetAttempts(); n != 0 || len(attempts(a)) != 0 {
		t.Errorf("%d attempts of what waits", n)
	}
	a.Phase, a.Ended = aborted, now.Add(time.Second)
	if n := status(a).GetAttempts(); n != 1 || len(attempts(a)) != 1 || attempts(a)[0].GetPhase() != aborted {
		t.Errorf("%d attempts of what is over: %v", n, attempts(a))
	}
	a.Task, a.Condition = nil, &workflow.ConditionAction{}
	if n := status(a).GetAttempts(); n != 1 || len(attempts(a)) != 0 {
		t.Errorf("%d attempts of a condition: %v", n, attempts(a))
	}
}

// An update of a child has its error only when it is over: before that, the
// error is of an attempt that is repeated.
func TestUpdateHasNoOldError(t *testing.T) {
	a := &engine.Action{State: engine.State{Phase: queued, Error: failure("ValueError", "once"), OutputURI: "s3://x"}}
	if u := update(a); u.GetError() != nil || u.GetOutputUri() != "s3://x" {
		t.Errorf("%v", u)
	}
	a.Phase = timedOut
	if u := update(a); u.GetError().GetCode() != "ValueError" {
		t.Errorf("%v", u)
	}
}

func TestMetadata(t *testing.T) {
	relation := &common.Relation{RelationType: common.RelationType_RELATION_TYPE_RERUN}
	run := &engine.Run{Spec: &task.RunSpec{Relation: relation}, Source: workflow.RunSource_RUN_SOURCE_CLI}
	spec := hello()
	spec.Environment = nil
	a := &engine.Action{ID: engine.ActionID{Name: "a0"}, Task: &workflow.TaskAction{Id: &task.TaskIdentifier{Name: "env.f"}, Spec: spec}}
	m := metadata(run, a)
	if m.GetRelation() != relation || m.GetSource() != run.Source || m.GetEnvironmentName() != "env" || m.GetFuntionName() != "main" {
		t.Errorf("the root: %v", m)
	}
	a.ID.Name, a.Parent, a.Group = "c1", "a0", "g"
	if m := metadata(run, a); m.GetRelation() != nil || m.GetParent() != "a0" || m.GetGroup() != "g" {
		t.Errorf("a child: %v", m)
	}
}

func TestChanged(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	a := &engine.Action{Created: at(1), State: engine.State{Attempts: []engine.Attempt{{Transitions: []engine.Transition{{At: at(2)}, {At: at(3)}}}}}}
	if got := changed(a); got != at(3) {
		t.Errorf("changed at %v", got)
	}
	a.Ended = at(5)
	a.Attempts[0].Ended = at(7)
	if got := changed(a); got != at(7) {
		t.Errorf("changed at %v", got)
	}
}

func TestBundleURI(t *testing.T) {
	spec := func(uri string, args ...string) *task.TaskSpec {
		return &task.TaskSpec{TaskTemplate: &core.TaskTemplate{Metadata: &core.TaskMetadata{CodeBundleUri: uri},
			Target: &core.TaskTemplate_Container{Container: &core.Container{Args: args}}}}
	}
	for _, tt := range []struct {
		spec *task.TaskSpec
		want string
	}{
		{spec("", "a0", "--tgz", "s3://b/x.tar.gz", "--dest", "."), "s3://b/x.tar.gz"},
		{spec("", "a0", "--pkl", `"s3://b/x.pkl.gz"`), "s3://b/x.pkl.gz"},
		{spec("s3://b/meta", "a0", "--tgz"), "s3://b/meta"},
		{spec(""), ""},
		{nil, ""},
	} {
		if got := bundleURI(tt.spec); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.spec, got, tt.want)
		}
	}
}
