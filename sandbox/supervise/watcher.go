// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// watcher looks at the attempt while it runs: samples for the timeline, the
// fill of /dev/shm, and OOM kills. Its fields belong to the goroutine of Run.
type watcher struct {
	witness Witness
	samples *os.File
	shm     *shmWatch

	woken   <-chan Wake      // an OOM event may have happened
	recheck <-chan time.Time // look again soon
	tick    <-chan time.Time // time for a sample

	startedAt time.Time
	taken     int
	last      sandbox.Sample // the last one taken
	chances   int            // looks left until an announced kill counts as not ours
	kills     int64
}

// start opens what is looked at. The container exists, the program does not.
func (w *watcher) start(a *Attempt) {
	w.witness = a.Witness
	a.Witness.Main(a.Box.PID())
	w.woken = a.Witness.Watch()
	if a.ShmUsed != nil {
		w.shm = watchShm(a.ShmUsed)
	}
	w.samples, _ = os.OpenFile(filepath.Join(a.Config.Dir, wire.SamplesFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// stop ends the looking.
func (w *watcher) stop() {
	w.witness.Close()
	if w.samples != nil {
		w.samples.Close()
	}
	if w.shm != nil {
		w.shm.stop()
	}
}

// shmPeak is the most of /dev/shm that was seen taken.
func (w *watcher) shmPeak() int64 {
	if w.shm == nil {
		return 0
	}
	return w.shm.peak.Load()
}

// How often samples are taken: densely at first, where most OOMs happen, and
// whenever memory runs towards its limit; else ever more thinly, so that the
// timeline of a week stays readable and small.
const (
	firstInterval  = 50 * time.Millisecond // for the first two seconds
	secondInterval = 100 * time.Millisecond
	thirdInterval  = 500 * time.Millisecond // from the tenth second on
	thinEvery      = 4096                   // samples, then the interval doubles
	looksToLimit   = 8                      // samples before the limit is reached, at the pace of the last one
)

// begin starts the timeline at the program's execve.
func (w *watcher) begin(at time.Time) {
	w.startedAt = at
	w.tick = time.After(firstInterval / 2)
}

// nextInterval is the time until the next sample, at an age of the attempt,
// after taken samples, and with so much time left until the limit is reached
// (0: it is not running towards it).
func nextInterval(age time.Duration, taken int, left time.Duration) time.Duration {
	thinner := min(taken/thinEvery, 16) // nine hours between two
	usual := thirdInterval << thinner
	switch {
	case age < 2*time.Second:
		usual = firstInterval
	case age < 10*time.Second:
		usual = secondInterval
	}
	if left <= 0 {
		return usual
	}
	return min(usual, max(left/looksToLimit, firstInterval<<thinner))
}

// timeLeft is how long it takes from now to the limit at the pace between two
// samples; 0 when memory does not grow.
func timeLeft(before, now sandbox.Sample, limit int64) time.Duration {
	grown, took := now.Memory-before.Memory, now.Time.Sub(before.Time)
	if before.Time.IsZero() || grown <= 0 || took <= 0 || limit <= now.Memory {
		return 0
	}
	return time.Duration(min(float64(took)*float64(limit-now.Memory)/float64(grown), float64(time.Hour)))
}

// sample takes one look at memory and cpu and records it. It looks at the
// counter of kills, too: one may come long after it was announced, where the
// one who is to die is held up.
func (w *watcher) sample(a *Attempt) {
	w.look(a)
	w.witness.Track()
	s, ok := w.measure(a)
	left := timeLeft(w.last, s, a.Config.Spec.Limits.Memory)
	w.tick = time.After(nextInterval(time.Since(w.startedAt), w.taken, left))
	if !ok {
		return
	}
	s.Disk = a.disk.used()
	w.last = s
	w.taken++
	if w.samples != nil {
		_, _ = w.samples.Write(encodeLine(s))
	}
	a.Control.event(sandbox.Event{Time: s.Time, Sample: &s})
}

// measure takes a look into the outcome's figures.
func (w *watcher) measure(a *Attempt) (sandbox.Sample, bool) {
	s, ok := w.witness.Sample()
	if !ok {
		return s.Sample, false
	}
	memory := &a.Outcome.Memory
	memory.Peak = max(memory.Peak, s.Memory)
	if b := s.Breakdown; b != nil {
		memory.PeakNeed = max(memory.PeakNeed, b.Anon+b.Shmem)
		if memory.Last == nil || (w.kills == 0 && !s.Ending) {
			memory.Last = b // later it would show what was given back
		}
	}
	return s.Sample, true
}

// recheckEvery and recheckFor: v1's event comes before the kill it announces.
const (
	recheckEvery = time.Millisecond
	recheckFor   = 50
)

// announced handles a wake-up of the OOM event.
func (w *watcher) announced(a *Attempt, wake Wake) {
	if wake.Early {
		w.measure(a)
		w.chances = recheckFor
	}
	w.look(a)
}

// look reads the OOM counter and acts when it moved.
func (w *watcher) look(a *Attempt) {
	w.recheck = nil
	kills, err := w.witness.Kills()
	if err == nil && kills > w.kills {
		w.kills, w.chances = kills, 0
		w.killed(a)
	}
	if w.chances > 0 {
		w.chances--
		w.recheck = time.After(recheckEvery)
	}
}

// killed records an OOM kill and, where the kernel has no group kill, ends
// the rest of the attempt as it would have.
func (w *watcher) killed(a *Attempt) {
	at := time.Now()
	w.witness.NoteVictims(&a.Outcome)
	a.tellKill(at)
	if a.Config.Spec.Limits.GroupKill && a.Outcome.GroupKilledAt.IsZero() && a.Group == sandbox.GroupEmulated {
		a.Outcome.GroupKilledAt = time.Now()
		a.Box.Signal(unix.SIGKILL)
	}
}
