// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"time"

	"drydock/sandbox"
)

// Snapshot is what a lease directory says at one moment.
type Snapshot struct {
	Holders []Holder
	Queue   []Ticket // in order; of a process with many waiting tasks only the first have a ticket
	At      time.Duration
}

// Taken is what the holders take of the machine together. Of those that lend
// theirs only the devices count.
func (s Snapshot) Taken() sandbox.Holds {
	var taken sandbox.Holds
	for _, h := range s.Holders {
		holds := h.Holds
		if h.Lent {
			holds.Amounts = sandbox.Amounts{}
		}
		taken = with(taken, holds)
	}
	return taken
}
