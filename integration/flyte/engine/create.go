// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"drydock/executor"
	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// CreateRun accepts a run and starts its root action. Errors: ErrExists when
// the name is taken, ErrInvalid.
func (e *Engine) CreateRun(_ context.Context, n NewRun) (*Run, *Action, error) {
	if n.Task == nil {
		return nil, nil, fmt.Errorf("%w: a run needs a task", ErrInvalid)
	}
	if n.ID.Name == "" {
		n.ID.Name = newRunName()
	}
	if err := checkNames(n.ID.Project, n.ID.Domain, n.ID.Name); err != nil {
		return nil, nil, err
	}
	if n.Spec.GetRelation().GetRelationType() == common.RelationType_RELATION_TYPE_RECOVER {
		return nil, nil, fmt.Errorf("%w: drydock cannot recover a run from another one yet; rerun it instead", ErrInvalid)
	}
	run := e.newRun(n)
	root := &Action{ID: ActionID{run.ID, RootAction}, InputURI: n.InputURI, Created: run.Created,
		Task: &workflow.TaskAction{Id: n.TaskID, Spec: n.Task, CacheKey: rootCacheKey(n)}}

	e.mu.Lock()
	if e.closed || e.stopping {
		e.mu.Unlock()
		return nil, nil, ErrShutdown
	}
	if e.knows(run.ID) {
		e.mu.Unlock()
		return nil, nil, fmt.Errorf("run %s: %w", run.ID.Name, ErrExists)
	}
	r := newLiveRun(e, run)
	e.live[run.ID] = r
	r.mu.Lock() // nobody sees it before its root is there
	e.mu.Unlock()
	node, err := r.begin(root)
	if err == nil {
		root = node.a
	}
	r.mu.Unlock()
	if err != nil {
		e.mu.Lock()
		delete(e.live, run.ID)
		e.mu.Unlock()
		return nil, nil, err
	}
	return run, root, nil
}

func (e *Engine) newRun(n NewRun) *Run {
	spec := &task.RunSpec{}
	if n.Spec != nil {
		spec = proto.Clone(n.Spec).(*task.RunSpec)
	}
	now := e.now().UTC()
	start := n.StartTime
	if start.IsZero() && spec.RunStartTime != nil {
		start = spec.RunStartTime.AsTime()
	}
	if start.IsZero() {
		start = now
	}
	spec.RunStartTime = timestamppb.New(start)
	base := strings.Join([]string{strings.TrimSuffix(e.c.OutputBase, "/"), n.ID.Project, n.ID.Domain, n.ID.Name}, "/")
	return &Run{ID: n.ID, Spec: spec, StartTime: start, Created: now, OutputBase: base, InputsHash: n.InputsHash, Source: n.Source}
}

// knows reports whether a run's name is taken. Call it with e.mu held.
func (e *Engine) knows(id RunID) bool {
	if e.live[id] != nil {
		return true
	}
	known := false
	_ = e.c.Book.View(func(tx book.Tx) error {
		known = tx.Get(book.Runs, id.key()) != nil
		return nil
	})
	return known
}

// Enqueue accepts an action from its parent. One that is known already is
// accepted again and not started twice. Errors: ErrInvalid, ErrNotFound (no
// such run or parent), ErrRunOver, ErrBusy.
func (e *Engine) Enqueue(ctx context.Context, in *actions.Action) error {
	a, err := newAction(in, e.now().UTC())
	if err != nil {
		return err
	}
	var failure *core.ExecutionError
	if a.Trace != nil && a.Trace.Phase == common.ActionPhase_ACTION_PHASE_FAILED {
		failure = e.traceError(ctx, in)
	}
	r := e.liveRun(a.ID.Run)
	if r == nil {
		if _, err := e.Run(a.ID.Run); err != nil {
			return err
		}
		return fmt.Errorf("run %s: %w", a.ID.Run.Name, ErrRunOver)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes[a.ID.Name] != nil {
		return nil
	}
	parent := r.nodes[a.Parent]
	switch {
	case parent == nil || parent.a.Task == nil:
		return fmt.Errorf("parent action %q of run %s: %w", a.Parent, a.ID.Run.Name, ErrNotFound)
	case parent.a.Done():
		return fmt.Errorf("parent action %s: %w", a.Parent, ErrRunOver)
	case a.Task != nil && e.queued.Load() >= int64(e.c.MaxQueued):
		return fmt.Errorf("%d actions wait to run: %w", e.queued.Load(), ErrBusy)
	}
	if a.Trace != nil {
		a.Phase, a.Error, a.OutputURI, a.Ended = a.Trace.Phase, failure, a.Trace.GetOutputs().GetOutputUri(), a.Created
		if a.OutputURI == "" {
			a.OutputURI = r.outputDir(a.ID.Name)
		}
	}
	_, err = r.begin(a)
	return err
}

// begin makes an action known and starts what it needs. Call it with the
// run's mu held.
func (r *liveRun) begin(a *Action) (*node, error) {
	if a.OutputURI == "" {
		a.OutputURI = r.outputDir(a.ID.Name)
	}
	switch {
	case a.Condition != nil:
		a.Phase = common.ActionPhase_ACTION_PHASE_PAUSED
	case a.Task != nil:
		a.Phase = common.ActionPhase_ACTION_PHASE_QUEUED
		a.CacheKey = r.cacheKey(a)
		if !r.takeFromCache(a) {
			at, err := r.newAttempt(a, 1)
			if err != nil {
				return nil, err
			}
			a.Attempts, a.OutputURI = []Attempt{at}, at.OutputURI
		}
	}
	n, err := r.add(a)
	if err != nil {
		return nil, err
	}
	switch {
	case a.Done():
		if a.ID.Name == RootAction { // a hit: the run is over
			go r.e.retire(r)
		}
	case a.Condition != nil:
		r.await(n)
	default:
		r.start(n, false)
	}
	return n, nil
}

// newAttempt is an attempt that waits; its executor id is written down before
// anything starts, so that a later process can ask what became of it.
func (r *liveRun) newAttempt(a *Action, number int) (Attempt, error) {
	id, err := executor.NewID()
	if err != nil {
		return Attempt{}, err
	}
	now := r.e.now()
	at := Attempt{Number: number, TaskID: id, Created: now, OutputURI: r.attemptDir(a.ID.Name, number)}
	at.enter(common.ActionPhase_ACTION_PHASE_QUEUED, now)
	return at, nil
}

func (r *liveRun) outputDir(action string) string { return r.run.OutputBase + "/" + action }

func (r *liveRun) attemptDir(action string, number int) string {
	return fmt.Sprintf("%s/%d", r.outputDir(action), number)
}

// rootCacheKey is the server's to make; children bring theirs along. As in
// flyteorg/flyte runs/service/run_service.go it covers the inputs, the task's
// name and interface, and its cache version.
func rootCacheKey(n NewRun) *wrapperspb.StringValue {
	t := n.Task.GetTaskTemplate()
	if !t.GetMetadata().GetDiscoverable() {
		return nil
	}
	// What cannot be marshalled came over the wire as bytes: it can.
	face, _ := proto.MarshalOptions{Deterministic: true}.Marshal(t.GetInterface())
	h := sha256.New()
	for _, part := range []string{n.InputsHash, t.GetId().GetName(), string(face), t.GetMetadata().GetDiscoveryVersion()} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return wrapperspb.String(base64.RawURLEncoding.EncodeToString(h.Sum(nil)))
}
