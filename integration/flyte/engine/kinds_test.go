// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

func cached(t *core.TaskTemplate) { t.Metadata.Discoverable = true }

func cachedChild(parent ActionID, name, key string, spec *task.TaskSpec) *actions.Action {
	a := child(parent, name, spec)
	a.GetTask().CacheKey = wrapperspb.String(key)
	return a
}

func TestCache(t *testing.T) {
	w := newWorld(t)
	outputs := func(t *core.TaskTemplate) {
		t.Interface = &core.TypedInterface{Outputs: &core.VariableMap{Variables: []*core.VariableEntry{{Key: "o0"}}}}
	}
	first := w.run("r1", template("t", cached, outputs), func(n *NewRun) { n.InputsHash = "h" })
	w.objects.put("s3://drydock/p/d/r1/a0/1/outputs.pb", []byte("x"))
	w.launcher.finish(first, ok)
	if a := w.phase(first, succeeded); a.CacheStatus != core.CatalogCacheStatus_CACHE_POPULATED {
		t.Errorf("first: %s", a.CacheStatus)
	}
	same := func(n *NewRun) { n.InputsHash = "h" }
	hit := w.run("r2", template("t", cached, outputs), same)
	if a := w.phase(hit, succeeded); a.CacheStatus != core.CatalogCacheStatus_CACHE_HIT || a.OutputURI != "s3://drydock/p/d/r1/a0/1" || len(a.Attempts) != 0 {
		t.Errorf("second: %+v", a.State)
	}
	for name, change := range map[string]func(*NewRun){
		"other inputs": func(n *NewRun) { n.InputsHash = "i" },
		"overwrite":    func(n *NewRun) { same(n); n.Spec = &task.RunSpec{OverwriteCache: true} },
		"other scope": func(n *NewRun) {
			same(n)
			n.Spec = &task.RunSpec{CacheConfig: &task.CacheConfig{CacheLookupScope: task.CacheLookupScope_CACHE_LOOKUP_SCOPE_PROJECT_DOMAIN}}
		},
		"other version": func(n *NewRun) { same(n); n.Task.TaskTemplate.Metadata.DiscoveryVersion = "2" },
		"too old": func(n *NewRun) {
			same(n)
			n.Task.TaskTemplate.Metadata.CacheMaxAge = durationpb.New(time.Nanosecond)
		},
	} {
		id := w.run("", template("t", cached, outputs), change)
		if a := w.phase(id, running); a.CacheStatus != core.CatalogCacheStatus_CACHE_MISS {
			t.Errorf("%s: %s", name, a.CacheStatus)
		}
		w.launcher.finish(id, systemErrorForever)
		w.until(id, "over", (*Action).Done)
	}
	delete(w.objects.m, "s3://drydock/p/d/r1/a0/1/outputs.pb")
	w.phase(w.run("r9", template("t", cached, outputs), same), running)
}

var systemErrorForever = End{Phase: failed, Retry: RetryNever, Error: systemError().Error}

func TestSerializableCache(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	serial := func(t *core.TaskTemplate) { t.Metadata.CacheSerializable = true }
	for i := range 4 {
		w.enqueue(cachedChild(root, fmt.Sprint("c", i), "k", template("c", serial)))
	}
	var first ActionID
	w.until(root, "one child running", func(*Action) bool {
		for i := range 4 {
			if a, _ := w.e.Action(ActionID{root.Run, fmt.Sprint("c", i)}); a.Phase == running {
				first = a.ID
				return true
			}
		}
		return false
	})
	w.launcher.finish(first, ok)
	hits := 0
	for i := range 4 {
		if a := w.phase(ActionID{root.Run, fmt.Sprint("c", i)}, succeeded); a.CacheStatus == core.CatalogCacheStatus_CACHE_HIT {
			hits++
		}
	}
	if hits != 3 {
		t.Errorf("%d hits, want 3", hits)
	}
}

func TestTraces(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t", retries(1)))
	w.phase(root, running)
	trace := func(name string, tr *workflow.TraceAction) ActionID {
		a := child(root, name, nil)
		a.Spec = &actions.Action_Trace{Trace: tr}
		return w.enqueue(a)
	}
	good := trace("good", &workflow.TraceAction{Phase: succeeded, Outputs: &task.OutputReferences{OutputUri: "s3://drydock/p/d/r/good/outputs.pb"}})
	doc, _ := proto.Marshal(&core.ErrorDocument{Error: &core.ContainerError{Code: "ValueError", Message: "m", Kind: core.ContainerError_RECOVERABLE}})
	w.objects.put("s3://drydock/p/d/r/bad/error.pb", doc)
	bad := trace("bad", &workflow.TraceAction{Phase: failed})
	if a := w.phase(good, succeeded); a.OutputURI != "s3://drydock/p/d/r/good/outputs.pb" {
		t.Errorf("good: %+v", a.State)
	}
	if a := w.phase(bad, failed); a.Error.GetCode() != "ValueError" || a.Error.GetRecoverability() != core.ContainerError_RECOVERABLE || a.Error.GetKind() != core.ExecutionError_UNKNOWN {
		t.Errorf("bad: %+v", a.Error)
	}
	if err := w.e.Enqueue(context.Background(), func() *actions.Action {
		a := child(root, "open", nil)
		a.Spec = &actions.Action_Trace{Trace: &workflow.TraceAction{Phase: running}}
		return a
	}()); !errors.Is(err, ErrInvalid) {
		t.Errorf("a trace that runs: %v", err)
	}
}

func TestConditions(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	condition := func(name string, timeout time.Duration) ActionID {
		a := child(root, name, nil)
		c := &workflow.ConditionAction{Name: name, Type: &core.LiteralType{Type: &core.LiteralType_Simple{Simple: core.SimpleType_BOOLEAN}}}
		if timeout > 0 {
			c.Timeout = durationpb.New(timeout)
		}
		a.Spec = &actions.Action_Condition{Condition: c}
		return w.enqueue(a)
	}
	value := func(b bool) *core.Literal {
		return &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Primitive{Primitive: &core.Primitive{Value: &core.Primitive_Boolean{Boolean: b}}}}}}
	}
	id := condition("c", time.Hour)
	w.phase(id, paused)
	w.crash()
	w.phase(id, paused)
	for _, bad := range []struct {
		id ActionID
		v  *core.Literal
	}{{id, &core.Literal{}}, {root, value(true)}} {
		if err := w.e.Signal(bad.id, bad.v); !errors.Is(err, ErrInvalid) {
			t.Errorf("Signal(%s): %v", bad.id, err)
		}
	}
	if err := w.e.Signal(id, value(true)); err != nil {
		t.Fatal(err)
	}
	if a := w.phase(id, succeeded); !a.Value.GetScalar().GetPrimitive().GetBoolean() {
		t.Errorf("value %v", a.Value)
	}
	if err := w.e.Signal(id, value(true)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a second signal: %v", err)
	}
	if a := w.until(condition("late", 10*time.Millisecond), "over", (*Action).Done); a.Phase != timedOut {
		t.Errorf("late: %s", a.Phase)
	}
	c := condition("gone", 0)
	if err := w.e.AbortAction(c, ""); err != nil {
		t.Error(err)
	}
	w.phase(c, aborted)
}
