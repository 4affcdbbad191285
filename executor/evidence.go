// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"regexp"

	"drydock/sandbox"
)

const (
	// memcgCharge is how near a cgroup v1 peak comes to a limit that killed:
	// the kernel charges in batches of 64 pages (MEMCG_CHARGE_BATCH).
	memcgCharge = 64 * 4096
	// nearLimitPercent of the limit in anonymous and shared memory is worth a
	// warning after a success.
	nearLimitPercent = 95
)

// evidence is an Outcome with the questions of the verdict table answered.
type evidence struct {
	o    sandbox.Outcome
	opts JudgeOptions

	kills    int64         // K: OOM kills inside the attempt
	ownLimit bool          // O: the limit owner itself ran out
	ancestor bool          // a cgroup above the task's ran out
	stop     *sandbox.Stop // S: the first signal of ours that reached a living task
}

func weigh(o sandbox.Outcome, opts JudgeOptions) *evidence {
	e := &evidence{o: o, opts: opts}
	if c := o.Counters; c != nil {
		e.kills = c.OOMKill
		e.ownLimit = ownLimit(c, o.Memory)
		e.ancestor = c.AncestorOOM
	}
	for i := range o.Stops {
		// A stop that crossed with the task's own end did not cause it.
		if s := &o.Stops[i]; o.EndedAt.IsZero() || !s.Time.After(o.EndedAt) {
			e.stop = s
			break
		}
	}
	return e
}

// ownLimit reports whether the attempt's own limit was exceeded. An engine's
// word on a kill, and a guess from samples, mean nothing else. cgroup v2
// counts it. On v1 there is no such counter: the eventfd fires, but also
// for the shortage of a cgroup above, so that it counts only when none was
// seen; or the peak tells.
func ownLimit(c *sandbox.Counters, m sandbox.Memory) bool {
	if c.Evidence != sandbox.EvidenceKernel {
		return c.OOMKill > 0
	}
	if c.CgroupVersion == 2 {
		return c.OOM > 0
	}
	atLimit := m.Limit > 0 && m.Peak >= m.Limit-memcgCharge
	return atLimit || c.Notified && !c.AncestorOOM
}

// stoppedFor reports whether drydock stopped the attempt for the reason, and
// before the kernel's first OOM kill in it. A kill that nobody noticed while
// the attempt ran came after the stop: before it, it would have ended the
// attempt by itself.
func (e *evidence) stoppedFor(reason sandbox.StopReason) bool {
	if e.stop == nil || e.stop.Reason != reason {
		return false
	}
	seen := e.o.KillSeenAt
	return e.kills == 0 || seen.IsZero() || !seen.Before(e.stop.Time)
}

func (e *evidence) aborted() bool  { return e.stoppedFor(sandbox.StopAbort) }
func (e *evidence) timedOut() bool { return e.stoppedFor(sandbox.StopTimeout) }

// evicted leaves out a program that had ended by itself when it was to be
// killed: a kubelet does not evict a pod that has ended.
func (e *evidence) evicted() bool { return e.stoppedFor(sandbox.StopEvict) && e.killed() }

// word says how good the word on kills is. Only asked where there are Counters.
func (e *evidence) word() sandbox.Evidence { return e.o.Counters.Evidence }

func (e *evidence) notStarted() bool { return e.o.StartError != nil }
func (e *evidence) imageMissing() bool {
	s := e.o.StartError
	return s != nil && (s.Reason == sandbox.StartImageName || s.Reason == sandbox.StartImagePull)
}
func (e *evidence) limitTooLow() bool {
	s := e.o.StartError
	return s != nil && (s.OOM || s.Reason == sandbox.StartLimitTooLow)
}

// factsGone leaves out an OOM of which only the exit status is missing, because
// the engine that alone knew it is gone: it is one with any.
func (e *evidence) factsGone() bool {
	return e.o.Counters == nil || e.o.Exit == nil && (!e.ownOOM() || e.opts.ChildOOM == ChildOOMWarn)
}

func (e *evidence) ownOOM() bool      { return e.kills > 0 && e.ownLimit }
func (e *evidence) oomFailed() bool   { return e.ownOOM() && e.failed() }
func (e *evidence) oomSurvived() bool { return e.ownOOM() && !e.failed() }
func (e *evidence) ancestorOOM() bool { return e.kills > 0 && e.ancestor }
func (e *evidence) hostOOM() bool     { return e.kills > 0 }

// unkillable needs the end by a kill from outside, too: a process that no OOM
// killer may end spins at its limit until then. Otherwise an out-of-memory
// event without a kill is a refused allocation, and row 14's.
func (e *evidence) unkillable() bool {
	if !e.killed() || e.stop != nil {
		return false
	}
	c := e.o.Counters
	return c.OOM > 0 || c.Notified && !c.AncestorOOM
}

func (e *evidence) interrupted() bool { return e.killed() && e.stop == nil }

// killed takes a shell's or Python's rendering of SIGKILL for one, as Flyte
// does: 137 and 247 (256-9).
func (e *evidence) killed() bool {
	x := e.o.Exit
	return x.Signal == "SIGKILL" || x.Code == 137 || x.Code == 247
}

// failed is also what was not seen to succeed.
func (e *evidence) failed() bool {
	x := e.o.Exit
	return x == nil || x.Code != 0 || x.Signal != ""
}

func (e *evidence) hugepages() bool   { return e.failed() && e.o.Hugetlb > 0 && e.sigbus() }
func (e *evidence) forkRefused() bool { return e.failed() && e.o.Pids.Refused > 0 }

// refusedText matches what runtimes and tools print when an allocation was refused.
var refusedText = regexp.MustCompile(
	`\b\w*MemoryError\b|Unable to allocate|unable to (?:re)?alloc \d` + // Python, Ruby, Arrow; numpy, Tcl
		`|bad_alloc|OutOfMemory(?:Error|Exception)|heap out of memory|Array buffer allocation failed` + // C++, JVM, .NET, node
		`|memory allocation of|failed to reserve page summary memory` + // Rust, Go
		`|[Cc](?:annot|an't) allocate (?:memory|vector of size|buffer|\d+ bytes)` + // the C library's ENOMEM, R, bash, Erlang
		`|[Ff]ailed to allocate (?:memory|\d)|[Oo]ut[ _]of[ _][Mm]emory|OOM when allocating` + // OpenCV, DuckDB, OCaml, TensorFlow
		`|not enough memory|memory exhausted|Heap exhausted` + // Lua, coreutils and grep, Lisp
		`|Allowed memory size of \d+ bytes exhausted|: \d+: Out of space`) // PHP, dash

func (e *evidence) allocationRefused() bool {
	return e.failed() && refusedText.MatchString(e.o.Tail)
}

// nearLimit looks at what a program needs, never at page cache, which fills
// any limit and harms nobody.
func (e *evidence) nearLimit() bool {
	m := e.o.Memory
	return m.Limit > 0 && m.PeakNeed >= m.Limit/100*nearLimitPercent
}
