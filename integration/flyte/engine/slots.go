// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"slices"
)

// slots keep a run's max_action_concurrency: how many of its task actions may
// run at a time, in the order of their creation. Parents count, as on the cluster;
// but when all that run wait for children, one more may: a run that can only
// wait for itself would never end.
type slots struct {
	limit   int // 0: none
	used    int
	waiting []*waiter
}

type waiter struct {
	node    *node
	granted chan struct{}
}

// takeSlot waits for a slot of the run. It returns the context's cause when
// that ends first.
func (r *liveRun) takeSlot(ctx context.Context, n *node) error {
	r.mu.Lock()
	if r.slots.limit == 0 {
		r.mu.Unlock()
		return context.Cause(ctx)
	}
	w := &waiter{n, make(chan struct{})}
	at, _ := slices.BinarySearchFunc(r.slots.waiting, n.index, func(w *waiter, index int) int { return w.node.index - index })
	r.slots.waiting = slices.Insert(r.slots.waiting, at, w)
	r.slots.grant(r)
	r.mu.Unlock()
	select {
	case <-w.granted:
		return context.Cause(ctx)
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots.waiting = slices.DeleteFunc(r.slots.waiting, func(x *waiter) bool { return x == w })
	return context.Cause(ctx)
}

// giveSlot gives a slot back, if the node has one.
func (r *liveRun) giveSlot(n *node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.holding {
		n.holding = false
		r.slots.used--
		r.slots.grant(r)
	}
}

// grant lets waiters in. Call it with the run's mu held.
func (s *slots) grant(r *liveRun) {
	for len(s.waiting) > 0 && (s.used < s.limit || s.allWait(r)) {
		w := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.used++
		w.node.holding = true
		close(w.granted)
	}
}

func (s *slots) allWait(r *liveRun) bool {
	return !slices.ContainsFunc(r.order, func(n *node) bool { return n.holding && n.open == 0 })
}
