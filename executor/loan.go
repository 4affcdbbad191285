// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"sync"

	"drydock/internal/admission"
)

// Loan lends what a task holds of the machine to others while the task only
// waits for them: a Flyte task that awaits its children holds a container and
// does nothing, and a small machine would else be full of waiting parents.
// Give it to Run or Adopt with WithLoan.
//
// The zero value is ready and not lent. Its methods are safe for concurrent
// use and may be called at any time, also before the task was admitted and
// after its end; a second call in a row does nothing. A Loan belongs to one
// task: its attempts may come one after the other, not at the same time.
type Loan struct {
	mu    sync.Mutex // held before the claim's
	lent  bool
	claim *admission.Claim // of the attempt under way; nil: none
}

// Lend stops counting what the running attempt takes as used, so that
// others are admitted in its place; accelerators stay its own. It lasts until
// Recall: an attempt that is admitted while the loan is lent is not counted
// from then on.
func (l *Loan) Lend() { l.set(true) }

// Recall counts them again at once, even beyond what the machine has: a
// running process cannot be made to wait. Nobody new is admitted until it all
// fits again.
func (l *Loan) Recall() { l.set(false) }

func (l *Loan) set(lent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent = lent
	l.apply()
}

// apply brings the claim to the loan's state; the lock is held.
func (l *Loan) apply() {
	switch {
	case l.claim == nil:
	case l.lent:
		l.claim.Lend()
	default:
		l.claim.Recall()
	}
}

// of makes claim the one that is lent, until the function it returns is
// called. A nil Loan is fine.
func (l *Loan) of(claim *admission.Claim) func() {
	if l == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claim = claim
	l.apply()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.claim == claim {
			l.claim = nil
		}
	}
}
