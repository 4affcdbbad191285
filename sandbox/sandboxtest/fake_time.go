// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"slices"
	"time"

	"drydock/sandbox"
)

// pause lets time pass, and what falls into it happen: stops, the timeout, the
// end of a grace, a group kill, a background child's hunger, samples.
func (r *fakeRun) pause(d time.Duration) *sandbox.Exit {
	until := time.Now().Add(d)
	for {
		if end := r.happen(); end != nil {
			return end
		}
		wait := time.Until(until)
		if wait <= 0 {
			return nil
		}
		for _, at := range r.appointments() {
			if !at.IsZero() {
				wait = min(wait, max(0, time.Until(at)))
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.poke:
		}
		timer.Stop()
	}
}

// appointments are the times at which happen has something to do.
func (r *fakeRun) appointments() []time.Time {
	all := []time.Time{r.killAt, r.groupAt, r.sampled.Add(fakeSample)}
	if r.spec.Timeout > 0 && !r.timedOut {
		all = append(all, r.out.StartedAt.Add(r.spec.Timeout))
	}
	if r.later != nil {
		all = append(all, r.later.at)
	}
	if r.spec.Limits.Disk > 0 {
		all = append(all, r.disk.looked.Add(fakeDiskLook))
	}
	return all
}

// happen does what is due.
func (r *fakeRun) happen() *sandbox.Exit {
	now := time.Now()
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	if due(r.groupAt) {
		r.out.GroupKilledAt = now
		return fakeSignal("SIGKILL")
	}
	if due(r.killAt) {
		return r.kill()
	}
	if r.spec.Timeout > 0 && !r.timedOut && due(r.out.StartedAt.Add(r.spec.Timeout)) {
		r.timedOut = true
		if end := r.stop(fakeStop{sandbox.StopTimeout, r.spec.Grace}); end != nil {
			return end
		}
	}
	for {
		s, ok := r.nextStop()
		if !ok {
			break
		}
		if end := r.stop(s); end != nil {
			return end
		}
	}
	if r.later != nil && due(r.later.at) {
		n := r.later.bytes
		r.later = nil
		if end := r.touch(&r.anon, n, false); end != nil {
			return end
		}
	}
	if now.Sub(r.sampled) >= fakeSample {
		r.sample(now)
	}
	if r.spec.Limits.Disk > 0 && now.Sub(r.disk.looked) >= fakeDiskLook {
		return r.evict(now)
	}
	return nil
}

// stop delivers one stop: SIGTERM first, unless there is no grace.
func (r *fakeRun) stop(s fakeStop) *sandbox.Exit {
	if s.grace <= 0 {
		r.note(s.reason, "SIGKILL")
		return fakeSignal("SIGKILL")
	}
	if at := time.Now().Add(s.grace); r.killAt.IsZero() || at.Before(r.killAt) {
		r.killAt = at
	}
	if slices.ContainsFunc(r.out.Stops, func(s sandbox.Stop) bool { return s.Signal == "SIGTERM" }) {
		return nil
	}
	r.note(s.reason, "SIGTERM")
	if r.onTerm == "tidy" {
		r.say(r.streams.Stdout, "tidied up\n")
		return &sandbox.Exit{}
	}
	if r.spec.KillDeaf && r.onTerm == "" {
		return r.kill()
	}
	return nil // PID 1 without a handler does not hear it
}

// kill ends a grace, for the reason that began it.
func (r *fakeRun) kill() *sandbox.Exit {
	r.note(r.out.Stops[0].Reason, "SIGKILL")
	return fakeSignal("SIGKILL")
}

func (r *fakeRun) note(reason sandbox.StopReason, signal string) {
	s := sandbox.Stop{Reason: reason, Signal: signal, Time: time.Now()}
	r.out.Stops = append(r.out.Stops, s)
	r.send(sandbox.Event{Stopping: &s})
}
