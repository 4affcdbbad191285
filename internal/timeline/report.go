// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"time"

	"drydock/executor"
	"drydock/gpu/usage"
	"drydock/resources"
	"drydock/sandbox"
)

// Report is what is known about a task and its attempts.
type Report struct {
	ID      string
	Task    executor.Task // as it was recorded
	Begun   time.Time     // zero: not known
	Profile string        // the file of the cluster's rules; "": Flyte's own
	// Result is the task's end; nil while there is none.
	Result   *executor.Result
	Attempts []Attempt
	Notes    []string // what is missing here, and why
}

// State says how far an attempt has come.
type State string

// The states of an attempt.
const (
	Ended   State = "ended"   // its outcome is known
	Running State = "running" // its supervisor lives
	Lost    State = "lost"    // its supervisor left no outcome: it was killed, or the machine went down
)

// Attempt is one try of the task. Sizes are bytes.
type Attempt struct {
	Number  int
	State   State
	Demand  resources.Demand
	Limits  []sandbox.Enforcement
	Outcome *sandbox.Outcome  // nil unless Ended
	Verdict *executor.Verdict // nil when there is none yet

	Start time.Time // of the program; of the first sample where that is not known; zero: it never ran
	End   time.Time // of the program; zero: not known
	// MemoryLimit and MemoryRequest are 0 and CPULimit (in cores) is 0 where
	// there is none.
	MemoryLimit, MemoryRequest int64
	CPULimit                   float64
	DiskLimit                  int64 // 0: none
	// GPU is what it used of its devices, one by one; nil: it had none.
	GPU []usage.Summary

	Points []Point // in order of time
	Marks  []Mark  // in order of time
	Tail   string  // the last lines of its output, in valid UTF-8 without control characters but \n and \t
	Notes  []string
}

// PointKind says where a point comes from.
type PointKind string

// The kinds of points.
const (
	Sampled PointKind = "sample"
	// AtOOM is the moment of the first out-of-memory kill: what the outcome
	// says about it. Memory grows too fast there for samples.
	AtOOM PointKind = "oom"
	// AtEnd holds what is known of the end: the counter of CPU time, and what
	// was left on the disk. Its memory is not known.
	AtEnd PointKind = "end"
)

// Point is what was known at one moment.
type Point struct {
	Kind   PointKind
	At     time.Duration // since the start
	Memory int64         // bytes; not known at the end
	// Breakdown is nil when not known. Its sum is less than Memory where the
	// memory grew after it was read.
	Breakdown  *sandbox.Breakdown
	CPUSeconds float64 // used so far
	// Disk is what was taken of it when it was last looked at, in bytes; nil:
	// not limited, or not looked at yet.
	Disk *int64
	// GPU is what the devices were used for when they were looked at last before;
	// nil: not looked at since the point before, or it has none.
	GPU []usage.Use
	// Rates over the last window (see rateWindow); nil: not known.
	Rates *Rates
}

// Rates are what was used, and waited for, per second.
type Rates struct {
	Cores float64 // CPU seconds per second
	// Shares of the time, 0 to 1, in which processes waited: some of them, or
	// all that could have run (see sandbox.Pressure). nil: not known.
	Memory, CPU *sandbox.Stall
}

// MarkKind classifies a Mark.
type MarkKind string

// The kinds of marks.
const (
	MarkStarted   MarkKind = "started"
	MarkOOM       MarkKind = "oom"        // the first out-of-memory kill
	MarkGroupKill MarkKind = "group-kill" // drydock ended the rest of the attempt with the victim
	MarkXID       MarkKind = "xid"        // an error that the GPU's driver reported
	MarkStop      MarkKind = "stop"       // a signal that drydock sent
	MarkEnded     MarkKind = "ended"
)

// Mark is something that happened.
type Mark struct {
	Kind MarkKind
	At   time.Duration // since the start
	Text string        // a few words
}

// Duration is from the start to the end, or to the last that is known.
func (a *Attempt) Duration() time.Duration {
	var d time.Duration
	if !a.End.IsZero() {
		d = a.End.Sub(a.Start)
	}
	if n := len(a.Points); n > 0 {
		d = max(d, a.Points[n-1].At)
	}
	if n := len(a.Marks); n > 0 {
		d = max(d, a.Marks[n-1].At)
	}
	return d
}

// Peak is the most memory that is known of, in bytes. sampled says that a
// point shows it, within a hundredth; else it lies between two.
func (a *Attempt) Peak() (peak int64, at time.Duration, sampled bool) {
	for _, p := range a.Points {
		if p.Kind != AtEnd && p.Memory > peak {
			peak, at = p.Memory, p.At
		}
	}
	seen := peak
	if a.Outcome != nil {
		peak = max(peak, a.Outcome.Memory.Peak)
	}
	return peak, at, peak > 0 && seen >= peak-peak/100
}

// PeakDisk is the most that a look at the disk saw, in bytes. sampled says that
// a point shows it.
func (a *Attempt) PeakDisk() (peak int64, at time.Duration, sampled bool) {
	for _, p := range a.Points {
		if p.Disk != nil && *p.Disk > peak {
			peak, at = *p.Disk, p.At
		}
	}
	seen := peak
	if a.Outcome != nil && a.Outcome.Disk != nil {
		peak = max(peak, a.Outcome.Disk.Peak)
	}
	return peak, at, peak > 0 && seen == peak
}

// PeakCores is the highest rate of CPU use.
func (a *Attempt) PeakCores() float64 {
	most := 0.0
	for _, p := range a.Points {
		if p.Rates != nil {
			most = max(most, p.Rates.Cores)
		}
	}
	return most
}

// Samples is the number of samples.
func (a *Attempt) Samples() int {
	n := 0
	for _, p := range a.Points {
		if p.Kind == Sampled {
			n++
		}
	}
	return n
}
