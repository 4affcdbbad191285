// SPDX-License-Identifier: Apache-2.0

package docker

import "testing"

// sleeper stands for a supervisor that waits.
var sleeper = []string{"/bin/sleep", "60"}

// There is one spare, for one attempt; the next has its own supervisor, and so
// has one whose spare was killed.
func TestSpare(t *testing.T) {
	s := startSpare(sleeper)
	first, err := s.take(sleeper)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.take(sleeper)
	if err != nil || second == first || !first.Waits() || !second.Waits() {
		t.Errorf("the second attempt has the first's supervisor, or none: %v", err)
	}
	first.Drop()
	second.Drop()

	s = startSpare([]string{"/bin/true"}) // it is there, and ends
	killed := <-s
	s = make(spare, 1)
	s <- killed
	close(s)
	for killed.Waits() {
	}
	next, err := s.take(sleeper)
	if err != nil || next == killed || !next.Waits() {
		t.Errorf("an attempt has a supervisor that has ended: %v", err)
	}
	next.Drop()

	var none spare
	if other, err := none.take(sleeper); err != nil {
		t.Errorf("without a spare: %v", err)
	} else {
		other.Drop()
	}
	none.drop()
	s = startSpare([]string{"/no/such/program"})
	if _, err := s.take([]string{"/no/such/program"}); err == nil {
		t.Error("nobody says that there is no supervisor's program")
	}
	s.drop()
}
