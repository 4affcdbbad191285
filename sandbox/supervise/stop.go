// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// stopper ends the attempt when somebody asks or the time is up.
type stopper struct {
	timer    *time.Timer
	deadline time.Time
	reason   sandbox.StopReason
	killed   bool
}

// stop sends SIGTERM and arms SIGKILL. Another call can only bring the kill
// forward. A program that has not begun is killed at once, and nothing is done
// to one that has ended.
func (s *stopper) stop(a *Attempt, reason sandbox.StopReason, grace time.Duration) {
	if s.killed || a.over() {
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
	if grace <= 0 || a.Outcome.StartedAt.IsZero() {
		s.kill(a)
		return
	}
	if first {
		s.send(a, unix.SIGTERM)
		if a.Config.Spec.KillDeaf && deaf(a.Box.PID()) {
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

func (s *stopper) kill(a *Attempt) {
	if a.over() {
		return
	}
	s.killed = true
	s.send(a, unix.SIGKILL)
}

// send notes the signal before it is sent: the record must never be younger
// than its effect.
func (s *stopper) send(a *Attempt, sig unix.Signal) {
	stop := sandbox.Stop{Reason: s.reason, Signal: unix.SignalName(sig), Time: time.Now()}
	a.Outcome.Stops = append(a.Outcome.Stops, stop)
	a.Control.event(sandbox.Event{Time: stop.Time, Stopping: &stop})
	a.Box.Signal(sig)
}
