// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// gone is a box whose program has ended before anybody looked.
type gone struct{ signalled }

func (*gone) Exec() <-chan ExecResult {
	result := make(chan ExecResult, 1)
	result <- ExecResult{At: time.Now()}
	return result
}

func (*gone) Exited() <-chan struct{} { return closed }

func (*gone) Reap() *sandbox.Exit { return &sandbox.Exit{} }

var closed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// blind is a witness that sees nothing.
type blind struct{ Witness }

func (blind) Watch() <-chan Wake    { return nil }
func (blind) Main(int)              {}
func (blind) Kills() (int64, error) { return 0, nil }
func (blind) Close()                {}

// A program that ended by itself while its supervisor was held up was not
// stopped, whatever else has come meanwhile: its limit of time, somebody who
// asks for its end, and a look at its disk.
func TestStopsNothingThatHasEnded(t *testing.T) {
	dir := shortDir(t)
	control, _ := started(t, dir)
	for range 200 { // the order in which a select takes what is ready is random
		box := &gone{}
		a := &Attempt{Control: control, Box: box, Witness: blind{}, Config: &wire.Config{Dir: dir, Spec: sandbox.Spec{
			Timeout: 1, Limits: sandbox.Limits{Disk: 1},
		}}}
		a.Control.orders = make(chan wire.Command, 1)
		a.Control.orders <- wire.Command{Stop: &wire.Stop{Reason: sandbox.StopAbort}}
		a.disk.seen = make(chan sandbox.Disk, 1)
		a.disk.seen <- sandbox.Disk{Limit: 1, Used: 2}
		a.supervise()
		a.rooms.settle(a)
		if len(a.Outcome.Stops) > 0 || len(box.got) > 0 || a.Outcome.Exit == nil || a.disk.last != nil {
			t.Fatalf("stops %+v, sent %v, exit %v, disk %+v", a.Outcome.Stops, box.got, a.Outcome.Exit, a.disk.last)
		}
	}
}

// One that ends within its grace is not killed when the grace is over.
func TestKillsNothingThatHasEnded(t *testing.T) {
	a, box, _ := onDisk(t)
	a.stopper.stop(a, sandbox.StopTimeout, time.Hour)
	a.exited = closed
	a.stopper.kill(a)
	if len(box.got) != 1 || box.got[0] != unix.SIGTERM {
		t.Errorf("sent %v", box.got)
	}
}
