// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"drydock/sandbox"
)

// Local admits to a capacity of one process's own. It is safe for concurrent use.
type Local struct {
	capacity sandbox.Amounts
	began    time.Time

	mu      sync.Mutex // guards what follows
	holders []*Holder
	waiting []*waiter
}

// NewLocal returns a desk for the capacity, of which nothing is taken.
func NewLocal(capacity sandbox.Amounts) *Local { return &Local{capacity: capacity, began: time.Now()} }

// Capacity is what may be taken at a time.
func (l *Local) Capacity() sandbox.Amounts { return l.capacity }

func (l *Local) now() time.Duration { return time.Since(l.began) }

// Take returns a claim, waiting until there is room. Before it waits it calls
// tell with what it waits for, and again when that changes; calls are over when
// Take returns. It ends early with ctx's cause. A demand that never fits is a
// *NeverError.
func (l *Local) Take(ctx context.Context, r Request, tell func(string)) (*Claim, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := Never(l.capacity, r.Demand); err != nil {
		return nil, err
	}
	w := newWaiter(r, l.now())
	l.mu.Lock()
	at := len(l.waiting)
	if r.Since > 0 {
		at, _ = slices.BinarySearchFunc(l.waiting, w.since, func(other *waiter, since time.Duration) int { return cmp.Compare(other.since, since) })
	}
	l.waiting = slices.Insert(l.waiting, at, w)
	if at >= window {
		w.say(turnReason(at))
	}
	l.admit()
	l.mu.Unlock()
	if w.wait(ctx, tell) {
		return w.claim, nil
	}
	l.leave(w)
	return nil, context.Cause(ctx)
}

// Force returns a claim at once, even beyond the capacity: what runs already
// cannot be made to wait. Nobody new is let in until it fits again.
func (l *Local) Force(r Request) (*Claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	devices, _ := choose(nil, r.Demand.leased().Devices)
	return l.hold(r, sandbox.Holds{Amounts: r.Demand.Amounts, Devices: devices}), nil
}

// Look makes those who wait look again: something has changed that the desk
// does not see, such as what a Choice's Pick goes by.
func (l *Local) Look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admit()
}

// Holders are those who are in.
func (l *Local) Holders() ([]Holder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counted(), nil
}

// Taken is what is counted now.
func (l *Local) Taken() sandbox.Holds {
	l.mu.Lock()
	defer l.mu.Unlock()
	return takenSince(l.counted(), -1)
}

func (l *Local) counted() []Holder {
	all := make([]Holder, len(l.holders))
	for i, h := range l.holders {
		all[i] = *h
	}
	return all
}

// hold enters a claim into the books; the lock is held.
func (l *Local) hold(r Request, holds sandbox.Holds) *Claim {
	h := &Holder{ID: r.ID, Attempt: r.Attempt, Since: l.now(), Holds: holds}
	l.holders = append(l.holders, h)
	return &Claim{Holds: holds, move: func(_, to claimState) {
		l.mu.Lock()
		defer l.mu.Unlock()
		h.Lent = to == lent
		if to == released {
			l.holders = slices.DeleteFunc(l.holders, func(other *Holder) bool { return other == h })
		}
		l.admit()
	}}
}

// leave takes w out of the queue, or gives back what it was given meanwhile.
func (l *Local) leave(w *waiter) {
	l.mu.Lock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		l.admit() // others may have waited behind w only
	}
	l.mu.Unlock()
	if w.claim != nil {
		w.claim.Release()
	}
}

// admit lets in whose turn it is and tells the first of the others what they
// wait for; the lock is held.
func (l *Local) admit() {
	for {
		queue := l.tickets()
		holders, now := l.counted(), l.now()
		turns := walk(holders, queue, now, func(Ticket) bool { return false })
		started := 0
		for i, at := range turns {
			w := l.waiting[i-started]
			if at.start {
				l.waiting = slices.Delete(l.waiting, i-started, i-started+1)
				w.settle(l.hold(w.request, at.holds), nil)
				started++
				continue
			}
			w.say(reason(queue[i], at, holders, i-started, now))
		}
		if started == 0 || len(l.waiting) < window {
			return
		}
	}
}

// tickets are those of the queue that may start; the lock is held.
func (l *Local) tickets() []Ticket {
	first := l.waiting[:min(window, len(l.waiting))]
	queue := make([]Ticket, len(first))
	for i, w := range first {
		queue[i] = Ticket{ID: w.request.ID, Attempt: w.request.Attempt, Since: w.since, Demand: w.request.Demand, Capacity: l.capacity}
	}
	return queue
}
