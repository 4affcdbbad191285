// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"math"

	"drydock/sandbox/supervise/client"
)

// Read reads a lease directory ("": the machine's, see client.LeasesIn) and
// changes nothing there. One that is not there is empty.
func Read(directory string) (Snapshot, error) {
	s, err := dir(client.LeasesIn(directory)).look(math.MaxInt, false)
	return Snapshot{Holders: s.holders, Queue: s.queue, At: now()}, err
}
