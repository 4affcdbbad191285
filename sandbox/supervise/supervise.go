// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// supervise lets the program run and sees it to its end. It returns when the
// main process was reaped; the container's pid namespace ends with it.
func (a *attempt) supervise() {
	a.watcher.start(a)
	defer a.watcher.stop()
	exited := a.box.exited()
	executed := a.box.exec()
	var timeout <-chan time.Time

	for {
		select {
		case result := <-executed:
			executed = nil
			if !a.started(result) {
				continue
			}
			if d := a.config.Drydock.Spec.Timeout; d > 0 {
				timeout = time.After(d)
			}
		case cmd := <-a.control.orders:
			a.obey(cmd)
		case <-timeout:
			a.stopper.stop(a, sandbox.StopTimeout, a.config.Drydock.Spec.Grace)
		case <-a.stopper.graceOver():
			a.stopper.kill(a)
		case <-a.watcher.woken:
			a.watcher.announced(a)
		case <-a.watcher.recheck:
			a.watcher.look(a)
		case <-a.watcher.tick:
			a.watcher.sample(a)
		case <-exited:
			a.ended(executed)
			return
		}
	}
}

// started notes what came of the program's execve.
func (a *attempt) started(result execResult) bool {
	if result.err != nil {
		a.startFailed(result.err)
		return false
	}
	a.outcome.StartedAt = result.at
	a.control.event(sandbox.Event{Time: result.at, Started: &sandbox.Started{PID: a.box.pid}})
	a.watcher.begin(result.at)
	return true
}

func (a *attempt) obey(cmd shimapi.Command) {
	switch {
	case cmd.Stop != nil:
		a.stopper.stop(a, cmd.Stop.Reason, cmd.Stop.Grace)
	case cmd.Resize != nil:
		a.box.resize(*cmd.Resize)
	}
}

// ended reaps the main process.
func (a *attempt) ended(executed <-chan execResult) {
	a.outcome.EndedAt = time.Now()
	if executed != nil {
		result := <-executed
		if result.at.After(a.outcome.EndedAt) { // a short program ends before the news of its start is read
			result.at = a.outcome.EndedAt
		}
		a.started(result)
	}
	a.watcher.look(a) // the last look before the pids mean nothing any more
	a.outcome.Exit = a.box.reap()
	if a.outcome.StartError != nil { // the status is the runtime's, not the program's
		a.outcome.StartedAt, a.outcome.EndedAt, a.outcome.Exit = time.Time{}, time.Time{}, nil
	}
}

// stopper ends the attempt when somebody asks or the time is up.
type stopper struct {
	timer    *time.Timer
	deadline time.Time
	reason   sandbox.StopReason
	killed   bool
}

// stop sends SIGTERM and arms SIGKILL. Another call can only bring the kill
// forward. A program that has not begun is killed at once.
func (s *stopper) stop(a *attempt, reason sandbox.StopReason, grace time.Duration) {
	if s.killed {
		return
	}
	deadline := time.Now().Add(grace)
	first := s.timer == nil
	if !first && deadline.After(s.deadline) {
		return
	}
	if first {
		s.reason = reason
	}
	if grace <= 0 || a.outcome.StartedAt.IsZero() {
		s.kill(a)
		return
	}
	if first {
		s.send(a, unix.SIGTERM)
		if a.config.Drydock.Spec.KillDeaf && deaf(a.box.pid) {
			s.kill(a)
			return
		}
	} else {
		s.timer.Stop()
	}
	s.deadline = deadline
	s.timer = time.NewTimer(grace)
}

// deaf reports whether a container's first process drops SIGTERM: the kernel
// spares a namespace's PID 1 a signal that it has no handler for.
func deaf(pid int) bool {
	p, ok := readProc(pid)
	return ok && p.deaf
}

// graceOver delivers when it is time for SIGKILL; nil blocks for ever.
func (s *stopper) graceOver() <-chan time.Time {
	if s.timer == nil {
		return nil
	}
	return s.timer.C
}

func (s *stopper) kill(a *attempt) {
	s.killed = true
	s.send(a, unix.SIGKILL)
}

// send notes the signal before it is sent: the record must never be younger
// than its effect.
func (s *stopper) send(a *attempt, sig unix.Signal) {
	stop := sandbox.Stop{Reason: s.reason, Signal: unix.SignalName(sig), Time: time.Now()}
	a.outcome.Stops = append(a.outcome.Stops, stop)
	a.control.event(sandbox.Event{Time: stop.Time, Stopping: &stop})
	a.box.signal(sig)
}
