// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"drydock/sandbox"
)

// Kind says for what a place counts.
type Kind int

// The kinds of places.
const (
	Layer   Kind = iota // what the program wrote into its root file system
	Log                 // what it printed
	Scratch             // the task's own directory, as an emptyDir
)

// Place is a directory, or a file, that counts as the task's.
type Place struct {
	Kind   Kind
	Path   string // on this machine
	Inside string // where the program sees it; "" is not named
	Held   bool   // a write beyond the limit fails there; see package hard
}

// Places are what to measure.
type Places struct {
	Places []Place
	PIDs   []int // the attempt's processes; their deleted files are looked for
	// Missing says what cannot be measured, and why; "": nothing.
	Missing string
}

const (
	// largestShare of the limit is the least for a directory to be named.
	largestShare = 20
	largestMost  = 5
)

// Meter measures an attempt. Its methods are called by one goroutine at a time.
type Meter struct {
	// Limit is the task's in bytes: directories are named by their share of it.
	Limit int64
	peak  int64
	files int // of the last look
}

// Measure takes a look. The context bounds it; then the error is its cause.
// Whatever else could not be looked at is named in Disk.Incomplete.
func (m *Meter) Measure(ctx context.Context, p Places) (sandbox.Disk, error) {
	w := walker{ctx: ctx, seen: map[inode]bool{}, worth: max(m.Limit/largestShare, 1)}
	d := sandbox.Disk{Limit: m.Limit, Time: time.Now(), Incomplete: p.Missing}
	for _, place := range p.Places {
		n := w.measure(place)
		if place.Held {
			d.Held += n
		}
		switch place.Kind {
		case Layer:
			d.Layer += n
		case Log:
			d.Log += n
		case Scratch:
			d.Scratch += n
		}
	}
	deleted, held := w.deleted(p)
	d.Deleted, d.Held = deleted, d.Held+held
	if err := context.Cause(ctx); err != nil {
		return sandbox.Disk{}, err
	}
	m.files = w.files
	d.Used = d.Layer + d.Log + d.Scratch + d.Deleted
	m.peak = max(m.peak, d.Used)
	d.Peak = m.peak
	if d.Incomplete == "" && w.err != nil {
		d.Incomplete = w.err.Error()
	}
	slices.SortFunc(w.largest, func(a, b sandbox.DirUse) int { return cmp.Compare(b.Bytes, a.Bytes) })
	d.Largest = w.largest[:min(len(w.largest), largestMost)]
	return d, nil
}

const (
	leastPause = time.Second
	costShare  = 100
	slowFile   = 10 * time.Microsecond // of a slow machine; 3.5 µs where it was measured
)

// Pause is how long to wait after the last look, which took so long: a hundred
// times as long, so that measuring never takes more than 1 % of the time, and
// a second at least. What a look took beyond what its files can have cost it
// has waited, for the machine is busy, and is not counted. So up to 10 000
// files are looked at every 10 s at the latest, as a kubelet does
// (evictionMonitoringPeriod), and where a file costs less some 30 000.
func (m *Meter) Pause(took time.Duration) time.Duration {
	return max(leastPause, costShare*min(took, time.Duration(m.files)*slowFile))
}

// Polled says how a limit on the disk is held that Meter measures.
func Polled() sandbox.Enforcement {
	return sandbox.Enforcement{Limit: "disk", State: sandbox.Emulated,
		Why: "polled, as a kubelet does: writing is not hindered, and a task that is seen above it is killed, up to 10 s later, or more where 1 % of the time does not suffice to look at all its files; mounts and the working directory of the machine's own do not count"}
}
