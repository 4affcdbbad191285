// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"math"
	"time"

	"drydock/sandbox"
)

// Times of the rule.
const (
	// patience is how long a task that does not fit yet lets others pass
	// freely. From then on only those pass that cannot keep it out.
	patience = 30 * time.Second
	// window is how many of the queue's first may start: how deep those behind
	// a large task are looked through. It bounds what a look at the queue costs.
	window = 16
)

// Holder is a claim that counts.
type Holder struct {
	ID      string
	Attempt int
	PID     int // of the executor; 0: only its supervisor is left
	UID     uint32
	// Since is when it was admitted, on the clock of Ticket.Since.
	Since time.Duration
	Lent  bool // the task waits for its children: only its devices count
	// Orphan says that not even its supervisor is left, and that it runs on:
	// whoever cleans up ends it.
	Orphan bool
	Holds  sandbox.Holds
}

// sinceUnknown is the time of one whose executor is gone: after everybody, so
// that it never counts as one that a waiting task has to wait for anyway.
const sinceUnknown = time.Duration(math.MaxInt64)

// Ticket is a place in the queue.
type Ticket struct {
	ID      string
	Attempt int
	PID     int
	UID     uint32
	// Since is when it came, on a clock that all processes of the machine
	// share and nobody sets (CLOCK_BOOTTIME).
	Since    time.Duration
	Demand   Demand
	Capacity sandbox.Amounts // what its process takes the machine for
}

// turn is what the rule says of one ticket.
type turn struct {
	start bool
	holds sandbox.Holds // with start: what it gets
	// behind is the ticket that must not be passed; nil: there is no room.
	behind *Ticket
	taken  sandbox.Holds // what it found taken, by those ahead as well
	short  *shortage     // the devices for which it waits; nil: for none
}

// walk is the rule by which everybody starts. It goes through the queue from
// its head as its members will.
//
// First come, first served; but one may pass those ahead that do not fit:
// freely while they have waited for less than patience, and later only if each
// of them would fit beside it and all else that was admitted after it came. So
// an old ticket is kept out by nobody who came later: it waits for those that
// ran when it grew old, and they end. (How long they take is not known on a
// workstation; a cluster's conservative backfill, which goes by announced run
// times, cannot be had.)
//
// A ticket that waits for something else than what others hold, such as a
// stranger's program on a GPU, keeps nobody out either: nobody knows when that
// ends, and none of those who wait can end it.
//
// passed names those that are not waited for although they could start.
func walk(holders []Holder, queue []Ticket, now time.Duration, passed func(Ticket) bool) []turn {
	type guard struct {
		*Ticket
		beside sandbox.Holds // admitted after it came
	}
	var guards []guard
	taken := takenSince(holders, -1)
	turns := make([]turn, len(queue))
	for i := range queue {
		t, at := &queue[i], &turns[i]
		at.taken = taken
		at.holds, at.short, at.start = fit(t.Capacity, taken, t.Demand)
		for _, g := range guards {
			if at.start && !fits(g.Capacity, with(g.beside, at.holds), g.Demand) {
				at.start, at.behind = false, g.Ticket
			}
		}
		switch {
		case at.start && passed(*t):
		case at.start:
			taken = with(taken, at.holds)
			for j := range guards {
				guards[j].beside = with(guards[j].beside, at.holds)
			}
		case now-t.Since >= patience && !(at.short != nil && fits(t.Capacity, taken, t.Demand)):
			guards = append(guards, guard{t, takenSince(holders, t.Since)})
		}
	}
	return turns
}

// takenSince is what those have that were admitted after since. A device is not
// lent: who waits for others still has the processes on it, and its memory.
func takenSince(holders []Holder, since time.Duration) sandbox.Holds {
	var sum sandbox.Holds
	for _, h := range holders {
		if h.Since <= since {
			continue
		}
		holds := h.Holds
		if h.Lent {
			holds.Amounts = sandbox.Amounts{}
		}
		sum = with(sum, holds)
	}
	return sum
}
