// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os/exec"
	"testing"
	"time"
)

// unread are events that nobody reads before they are closed.
type unread struct {
	pending bool
	closed  chan struct{}
}

func (u unread) Next() bool    { <-u.closed; return false }
func (u unread) Pending() bool { return u.pending }
func (u unread) Close()        { close(u.closed) }

// The end may be known before v1's event of the shortage was read.
func TestUnreadEventCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		version       int
		pending, want bool
	}{
		"v1":         {1, true, true},
		"v1, no OOM": {1, false, false},
		"v2":         {2, true, false}, // any change of the group's files is an event there
	} {
		k := Kernel{version: tc.version}
		k.follow(unread{tc.pending, make(chan struct{})})
		k.Close()
		if k.Notified() != tc.want {
			t.Errorf("%s: notified is %v", name, k.Notified())
		}
	}
}

// What is measured when the main process has ended is what it left.
func TestEnding(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if ending(pid) || ending(0) {
		t.Errorf("one that lives is ending: %v, nobody is: %v", ending(pid), ending(0))
	}
	_ = cmd.Process.Kill()
	for p, _ := readProc(pid); !p.dying || !p.empty; p, _ = readProc(pid) {
		time.Sleep(time.Millisecond) // until it is a zombie
	}
	if !ending(pid) {
		t.Error("a zombie is not ending")
	}
	_ = cmd.Wait()
	if !ending(pid) {
		t.Error("one that is gone is not ending")
	}
}
