// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"time"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// supervise lets the program run and sees it to its end. It returns when the
// main process was reaped; the container's pid namespace ends with it.
func (a *Attempt) supervise() {
	a.watcher.start(a)
	defer a.watcher.stop()
	a.exited = a.Box.Exited()
	executed := a.Box.Exec()
	var timeout <-chan time.Time

	for {
		select {
		case result := <-executed:
			executed = nil
			if !a.started(result) {
				continue
			}
			if d := a.Config.Spec.Timeout; d > 0 {
				timeout = time.After(d)
			}
		case cmd := <-a.Control.orders:
			a.obey(cmd)
		case <-timeout:
			a.stopper.stop(a, sandbox.StopTimeout, a.Config.Spec.Grace)
		case <-a.stopper.graceOver():
			a.stopper.kill(a)
		case wake := <-a.watcher.woken:
			a.watcher.announced(a, wake)
		case <-a.watcher.recheck:
			a.watcher.look(a)
		case <-a.watcher.tick:
			a.watcher.sample(a)
		case use := <-a.disk.seen:
			if a.disk.noted(a, use) {
				a.watcher.sample(a)
			}
		case <-a.exited:
			a.ended(executed)
			return
		}
	}
}

// over reports whether the program has ended. Where the machine held this
// process up, the end and a reason to stop may both be there when it is back:
// then the end came by itself.
func (a *Attempt) over() bool {
	select {
	case <-a.exited:
		return true
	default:
		return false
	}
}

// started notes what came of the program's execve.
func (a *Attempt) started(result ExecResult) bool {
	if result.Err != nil {
		a.startFailed(result.Err)
		return false
	}
	failpoint.At(failpoint.Executed)
	a.Outcome.StartedAt = result.At
	a.Witness.Main(a.Box.PID())
	a.Control.event(sandbox.Event{Time: result.At, Started: &sandbox.Started{PID: a.Box.PID()}})
	a.watcher.begin(result.At)
	a.disk.start(a)
	a.rooms.start(a)
	return true
}

func (a *Attempt) obey(cmd wire.Command) {
	switch {
	case cmd.Stop != nil:
		a.stopper.stop(a, cmd.Stop.Reason, cmd.Stop.Grace)
	case cmd.Resize != nil:
		a.Box.Resize(*cmd.Resize)
	}
}

// ended reaps the main process.
func (a *Attempt) ended(executed <-chan ExecResult) {
	failpoint.At(failpoint.Exited)
	a.Outcome.EndedAt = time.Now()
	if executed != nil {
		result := <-executed
		if result.At.After(a.Outcome.EndedAt) { // a short program ends before the news of its start is read
			result.At = a.Outcome.EndedAt
		}
		a.started(result)
	}
	a.watcher.look(a) // the last look before the pids mean nothing any more
	a.Outcome.Exit = a.Box.Reap()
	if b, ok := a.Box.(interface{ Unknown() string }); ok && a.Outcome.Exit == nil {
		a.Outcome.ExitUnknown = b.Unknown()
	}
	if a.Outcome.StartError != nil { // the status is the runtime's, not the program's
		a.Outcome.StartedAt, a.Outcome.EndedAt, a.Outcome.Exit, a.Outcome.ExitUnknown = time.Time{}, time.Time{}, nil, ""
	}
}
