// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

const (
	queued    = common.ActionPhase_ACTION_PHASE_QUEUED
	running   = common.ActionPhase_ACTION_PHASE_RUNNING
	succeeded = common.ActionPhase_ACTION_PHASE_SUCCEEDED
	failed    = common.ActionPhase_ACTION_PHASE_FAILED
	aborted   = common.ActionPhase_ACTION_PHASE_ABORTED
	timedOut  = common.ActionPhase_ACTION_PHASE_TIMED_OUT
	paused    = common.ActionPhase_ACTION_PHASE_PAUSED
)

// world is an engine with a scripted launcher and a store in memory.
type world struct {
	t        *testing.T
	path     string
	objects  *memory
	launcher *script
	e        *Engine
	book     *book.Book
	config   Config
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "flyte.db"), objects: &memory{m: map[string][]byte{}}, launcher: newScript()}
	w.launcher.w = w
	w.open()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.e.StopAll(ctx, "test over"); err != nil {
			t.Errorf("StopAll: %v", err)
		}
		w.e.Close()
		w.book.Close()
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.book, err = book.OpenFile(w.path); err != nil {
		w.t.Fatal(err)
	}
	c := w.config
	c.Book, c.Launcher, c.Objects, c.OutputBase = w.book, w.launcher.launcher(), w.objects, "s3://drydock"
	if w.e, err = New(c); err != nil {
		w.t.Fatal(err)
	}
	w.e.Resume()
}

// crash loses the engine as kill -9 would; what runs goes on.
func (w *world) crash() {
	w.t.Helper()
	w.e.Close()
	if err := w.book.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.launcher.orphan()
	w.open()
}

// template makes a task; change adjusts it.
func template(name string, change ...func(*core.TaskTemplate)) *task.TaskSpec {
	t := &core.TaskTemplate{Id: &core.Identifier{Name: name}, Type: "python", Metadata: &core.TaskMetadata{Retries: &core.RetryStrategy{}}}
	for _, f := range change {
		f(t)
	}
	return &task.TaskSpec{TaskTemplate: t}
}

func retries(n uint32) func(*core.TaskTemplate) {
	return func(t *core.TaskTemplate) { t.Metadata.Retries.Retries = n }
}

func (w *world) run(name string, spec *task.TaskSpec, change ...func(*NewRun)) ActionID {
	w.t.Helper()
	n := NewRun{ID: RunID{"p", "d", name}, Task: spec, TaskID: &task.TaskIdentifier{Name: spec.TaskTemplate.Id.Name}}
	for _, f := range change {
		f(&n)
	}
	run, root, err := w.e.CreateRun(context.Background(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	if root.ID.Run != run.ID || root.ID.Name != RootAction {
		w.t.Fatalf("root is %v of %v", root.ID, run.ID)
	}
	return root.ID
}

func child(parent ActionID, name string, spec *task.TaskSpec) *actions.Action {
	return &actions.Action{ActionId: protoID(parent.Run, name), ParentActionName: proto.String(parent.Name),
		InputUri: "s3://drydock/" + name + "/inputs.pb", RunOutputBase: "s3://drydock/p/d/" + parent.Run.Name,
		Spec: &actions.Action_Task{Task: &workflow.TaskAction{Spec: spec}}}
}

func protoID(run RunID, name string) *common.ActionIdentifier {
	return &common.ActionIdentifier{Run: &common.RunIdentifier{Org: "x", Project: run.Project, Domain: run.Domain, Name: run.Name}, Name: name}
}

func (w *world) enqueue(a *actions.Action) ActionID {
	w.t.Helper()
	if err := w.e.Enqueue(context.Background(), a); err != nil {
		w.t.Fatal(err)
	}
	run := a.ActionId.Run
	return ActionID{RunID{run.Project, run.Domain, run.Name}, a.ActionId.Name}
}

// until waits for an action to satisfy a condition and returns it.
func (w *world) until(id ActionID, what string, f func(*Action) bool) *Action {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		a, err := w.e.Action(id)
		if err == nil && f(a) {
			return a
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not %s in time: %+v %v", id, what, a, err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (w *world) phase(id ActionID, p common.ActionPhase) *Action {
	w.t.Helper()
	return w.until(id, p.String(), func(a *Action) bool { return a.Phase == p })
}

// memory is an object store.
type memory struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (m *memory) put(uri string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m[uri] = data
}

func (m *memory) Read(_ context.Context, uri string, _ int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.m[uri]
	if !ok {
		return nil, fmt.Errorf("%s: %w", uri, fs.ErrNotExist)
	}
	return data, nil
}

func (m *memory) Exists(ctx context.Context, uri string) (bool, error) {
	_, err := m.Read(ctx, uri, 0)
	return err == nil, nil
}

// script makes attempts end when the test says so, or at once with what was
// laid down for an action's name. They outlive the engines that launch them.
type script struct {
	w        *world
	mu       sync.Mutex
	live     map[string]*scripted // by executor id
	launched []string             // "action#attempt"
	adopted  []string
	plan     map[string]func(n int) End // by task name; n from 1
	never    bool                       // Adopt finds that nothing began
	patient  bool                       // an end that is there is seen before a context's
	crash    chan struct{}              // closed by the last engine's
}

type scripted struct {
	order Order
	end   chan End
}

func newScript() *script {
	return &script{live: map[string]*scripted{}, plan: map[string]func(int) End{}}
}

// scripting is the launcher of one engine. When that has crashed it does
// nothing any more, as the goroutines of a process that was killed: what it
// returns goes nowhere.
type scripting struct {
	*script
	gone chan struct{}
}

func (s *script) launcher() scripting {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash = make(chan struct{})
	return scripting{s, s.crash}
}

// orphan is the last engine's crash.
func (s *script) orphan() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.crash)
}

// isGone reports whether the engine has crashed. Call it with mu held.
func (s scripting) isGone() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

func (s scripting) Launch(ctx context.Context, o Order) End {
	s.mu.Lock()
	if s.isGone() {
		s.mu.Unlock()
		return End{}
	}
	s.launched = append(s.launched, fmt.Sprintf("%s#%d", o.Action.ID.Name, o.Attempt))
	plan := s.plan[o.Action.Task.GetSpec().GetTaskTemplate().GetId().GetName()]
	p := &scripted{o, make(chan End, 1)}
	s.live[o.TaskID] = p
	s.mu.Unlock()
	o.Progress(Progress{Phase: running})
	if plan != nil {
		p.end <- plan(o.Attempt)
	}
	return s.follow(ctx, o.TaskID, p)
}

func (s scripting) follow(ctx context.Context, id string, p *scripted) End {
	s.mu.Lock()
	if s.patient && len(p.end) > 0 {
		ctx = context.Background()
	}
	s.mu.Unlock()
	end, ended := End{Phase: aborted}, false
	select {
	case end = <-p.end:
		ended = true
	case <-s.gone:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isGone() {
		delete(s.live, id)
		return end
	}
	if ended {
		p.end <- end // it is for the next engine
	}
	return End{}
}

func (s scripting) Adopt(ctx context.Context, o Order) (End, bool) {
	s.mu.Lock()
	p := s.live[o.TaskID]
	began := p != nil && !s.never && !s.isGone()
	switch {
	case began:
		s.adopted = append(s.adopted, fmt.Sprintf("%s#%d", o.Action.ID.Name, o.Attempt))
		p = &scripted{o, p.end}
		s.live[o.TaskID] = p
	case !s.isGone():
		delete(s.live, o.TaskID)
	}
	s.mu.Unlock()
	if !began {
		return End{}, false
	}
	o.Progress(Progress{Phase: running})
	return s.follow(ctx, o.TaskID, p), true
}

// finish ends the running attempt of an action.
func (s *script) finish(id ActionID, end End) {
	s.w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		s.mu.Lock()
		for _, p := range s.live {
			if p.order.Action.ID == id {
				select {
				case p.end <- end:
					s.mu.Unlock()
					return
				default:
				}
			}
		}
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	s.w.t.Fatalf("%s does not run", id)
}

// finishAny ends a running attempt of some task.
func (s *script) finishAny(task string) {
	s.w.t.Helper()
	var id ActionID
	for deadline := time.Now().Add(10 * time.Second); id.Name == "" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		for _, p := range s.live {
			if p.order.Action.Task.GetSpec().GetTaskTemplate().GetId().GetName() == task && len(p.end) == 0 {
				id = p.order.Action.ID
			}
		}
		s.mu.Unlock()
	}
	s.finish(id, ok)
	s.w.phase(id, succeeded)
}

func (s *script) starts(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.launched {
		if len(l) > len(name) && l[:len(name)+1] == name+"#" {
			n++
		}
	}
	return n
}

var ok = End{Phase: succeeded}

func userError(code string) End {
	return End{Phase: failed, Retry: RetryUser, Error: &core.ExecutionError{Kind: core.ExecutionError_USER, Code: code, Message: "m"}}
}

func systemError() End {
	return End{Phase: failed, Retry: RetrySystem, Error: &core.ExecutionError{Kind: core.ExecutionError_SYSTEM, Code: "Interrupted", Message: "m"}}
}
