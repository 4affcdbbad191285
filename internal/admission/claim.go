// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"sync"
	"time"

	"drydock/sandbox"
)

// Request asks for a place for one attempt of a task.
type Request struct {
	ID      string // the task's, a ULID
	Attempt int
	Demand  Demand
	// Since is the Since of a claim that was given back because it would not do
	// after all: its place in the queue. 0 is the queue's end.
	Since time.Duration
}

// Claim is what an attempt was let in with. It counts until Release. Its
// methods are safe for concurrent use.
type Claim struct {
	Holds sandbox.Holds
	Since time.Duration // when its wait began; only a desk knows the clock

	mu    sync.Mutex
	state claimState
	// move brings the books from one state to another; a claim without it is
	// in none.
	move func(from, to claimState)
}

// claimState says how a claim stands in the books.
type claimState int

const (
	held     claimState = iota // counted
	lent                       // kept, not counted
	released                   // over
)

// Release gives the claim back. A second call does nothing.
func (c *Claim) Release() { c.become(released) }

// Lend stops counting the claim's amounts, so that others are let in: what
// waits for others does nothing meanwhile. Its devices stay its own.
func (c *Claim) Lend() { c.become(lent) }

// Recall counts it again, even beyond the capacity: what runs cannot be made
// to wait. Nobody new is let in until it fits.
func (c *Claim) Recall() { c.become(held) }

// become moves the claim to another state. A released one stays released.
func (c *Claim) become(to claimState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == to || c.state == released {
		return
	}
	if c.move != nil {
		c.move(c.state, to)
	}
	c.state = to
}
