// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/common"
)

// liveRun is a run that is not over, in memory.
type liveRun struct {
	e   *Engine
	run *Run

	mu       sync.Mutex
	nodes    map[string]*node
	order    []*node // by creation
	revision uint64
	log      []change      // which action changed, in order
	changed  chan struct{} // closed at the next change, then replaced
	slots    slots
}

// change is an entry of the log: watchers read it from where they are.
type change struct {
	node     *node
	revision uint64
}

// node is an action in its place. The fields are the run's mu's.
type node struct {
	a        *Action // the newest snapshot
	children []*node
	open     int // children that are not done
	index    int // in the run's order

	loan    *executor.Loan // of its attempts
	driving bool           // a goroutine looks after it
	holding bool           // it has one of the run's slots
	cancel  context.CancelCauseFunc
}

func newLiveRun(e *Engine, run *Run) *liveRun {
	return &liveRun{e: e, run: run, nodes: map[string]*node{}, changed: make(chan struct{}),
		slots: slots{limit: int(run.Spec.GetMaxActionConcurrency())}}
}

// place adds an action to the tree. Actions come after their parents.
func (r *liveRun) place(a *Action) *node {
	n := &node{a: a, loan: new(executor.Loan), index: len(r.order)}
	r.nodes[a.ID.Name] = n
	r.order = append(r.order, n)
	if p := r.nodes[a.Parent]; p != nil && a.Parent != "" {
		p.children = append(p.children, n)
		if !a.Done() {
			p.open++
			p.lend()
		}
	}
	return n
}

// lend gives a waiting parent's share of the machine to its children, and
// takes it back when none is left.
func (n *node) lend() {
	if n.open > 0 {
		n.loan.Lend()
	} else {
		n.loan.Recall()
	}
}

// add makes a new action known: written down first, then seen. Call it with
// mu held. The run is written with its first action.
func (r *liveRun) add(a *Action) (*node, error) {
	err := r.e.update(func(tx book.Tx) error {
		if len(r.nodes) == 0 {
			if err := putRun(tx, r.run); err != nil {
				return err
			}
		}
		if err := putSpec(tx, a); err != nil {
			return err
		}
		return putState(tx, a)
	})
	if err != nil {
		return nil, err
	}
	n := r.place(a)
	r.e.count(common.ActionPhase_ACTION_PHASE_UNSPECIFIED, a)
	r.publish(n, a, nil)
	return n, nil
}

// set changes an action: written down first where durable says so, then seen.
// What is not durable is written with the next change that is: after a crash
// it is found out again. Call it with mu held.
func (r *liveRun) set(n *node, durable bool, f func(*State)) error {
	return r.setEnd(n, durable, nil, f)
}

// setEnd is set for a change that an attempt's end makes.
func (r *liveRun) setEnd(n *node, durable bool, end *End, f func(*State)) error {
	next := n.a.with(f)
	if durable {
		if err := r.e.update(func(tx book.Tx) error { return putState(tx, next) }); err != nil {
			return err
		}
	}
	r.become(n, next, end)
	return nil
}

// with is a snapshot with another state.
func (a *Action) with(f func(*State)) *Action {
	next := *a
	next.Attempts = slices.Clone(a.Attempts)
	f(&next.State)
	return &next
}

// become makes a change seen.
func (r *liveRun) become(n *node, next *Action, end *End) {
	r.e.count(n.a.Phase, next)
	ended := !n.a.Done() && next.Done()
	r.publish(n, next, end)
	if ended {
		r.ended(n)
	}
}

// publish makes a snapshot the newest one and wakes the watchers.
func (r *liveRun) publish(n *node, a *Action, end *End) {
	r.revision++
	a.Revision = r.revision
	n.a = a
	r.log = append(r.log, change{n, r.revision})
	r.wake()
	r.e.observe(Event{Run: r.run, Action: a, End: end})
	if a.ID.Name == RootAction {
		r.e.tellRoot(r.run, a)
	}
}

// wake lets every watcher look again.
func (r *liveRun) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// ended settles what an action's end means for its relatives: its parent may
// compute again, and nobody can wait for its children any more.
func (r *liveRun) ended(n *node) {
	if p := r.nodes[n.a.Parent]; p != nil && n.a.Parent != "" {
		p.open--
		p.lend()
		r.slots.grant(r)
	}
	for _, c := range n.children {
		// Where it cannot be written down, the children's own ends follow.
		_ = r.abort(c, fmt.Sprintf("its parent %s ended", n.a.ID.Name))
	}
	if r.over() {
		go r.e.retire(r)
	}
}

// abort ends an action and all below it at once, in one write; their sandboxes
// follow. An error says that it could not be written down: what has a sandbox
// is stopped all the same, and its end is one more chance. Call it with mu
// held.
func (r *liveRun) abort(n *node, reason string) error {
	all := n.tree(nil)
	var open []*node
	var next []*Action
	for _, n := range all {
		if !n.a.Done() {
			open, next = append(open, n), append(next, n.a.with(func(s *State) { r.aborted(s, n, reason) }))
		}
	}
	var err error
	if len(open) > 0 {
		err = r.e.update(func(tx book.Tx) error {
			for _, a := range next {
				if err := putState(tx, a); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, n := range all {
		if n.cancel != nil && (err == nil || n.driving) { // a condition still times out
			n.cancel(&abortion{reason})
		}
	}
	if err == nil {
		for i, n := range open {
			r.become(n, next[i], nil)
		}
	}
	return err
}

func (r *liveRun) aborted(s *State, n *node, reason string) {
	now := r.e.now()
	s.Phase, s.Ended, s.AbortReason, s.Error = common.ActionPhase_ACTION_PHASE_ABORTED, now, reason, nil
	if at := s.last(); at != nil && at.Ended.IsZero() {
		at.enter(s.Phase, now)
		if at.TaskID == "" || !n.driving {
			at.Ended = now
		}
	}
}

// tree adds an action and all below it to a list, children first.
func (n *node) tree(all []*node) []*node {
	for _, c := range n.children {
		all = c.tree(all)
	}
	return append(all, n)
}

// abortion is the cause of a context that an abort ended.
type abortion struct{ reason string }

func (a *abortion) Error() string { return a.reason }

// isOver is over for those who do not hold mu.
func (r *liveRun) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over()
}

// over reports whether nothing will happen in this run any more. Call it with
// mu held.
func (r *liveRun) over() bool {
	return !slices.ContainsFunc(r.order, func(n *node) bool { return n.driving || !n.a.Done() })
}

func (s *State) last() *Attempt {
	if len(s.Attempts) == 0 {
		return nil
	}
	return &s.Attempts[len(s.Attempts)-1]
}

// enter moves an attempt to a phase.
func (at *Attempt) enter(p common.ActionPhase, now time.Time) {
	if at.Phase == p && len(at.Transitions) > 0 {
		return
	}
	at.Phase = p
	at.Transitions = append(slices.Clone(at.Transitions), Transition{p, now})
}
