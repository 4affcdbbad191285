// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

// suggestFactor is how much more memory a hint suggests. After an OOM the
// peak says nothing about how much was wanted, so doubling is as good a
// guess as any, and quick to end.
const suggestFactor = 2

func outOfMemory(e *evidence) Verdict {
	r := e.oomReport()
	v := Verdict{Class: OOM, Code: CodeOOMKilled, Kind: KindUser, OOM: r}
	v.Message = e.oomSentence(r)
	if r.After >= time.Millisecond {
		v.Message += " after " + lasted(r.After)
	}
	v.Hints = e.oomHints(r)
	return v
}

// oomSentence says what ran out, and whose word it is where it is not the
// kernel's own.
func (e *evidence) oomSentence(r *OOMReport) string {
	switch r.Evidence {
	case sandbox.EvidenceKernel:
		return fmt.Sprintf("out of memory: %s was killed at the memory limit of %s", victimText(r), size(r.Limit))
	case sandbox.EvidenceEngine:
		who := "a process of the task" // an engine does not tell which
		if r.Victim != nil {
			who = victimText(r)
		}
		return fmt.Sprintf("out of memory, as %s tells: %s was killed at the memory limit of %s", e.engine(), who, size(r.Limit))
	default:
		return fmt.Sprintf("probably out of memory: the task was killed with its memory at the limit of %s", size(r.Limit))
	}
}

// engine is the container engine's name for a sentence.
func (e *evidence) engine() string {
	if e.o.Engine == "" {
		return "the engine"
	}
	return e.o.Engine
}

// childOutOfMemory is row 5: Flyte fails a task whose container's reason is
// OOMKilled although its exit code is 0.
func childOutOfMemory(e *evidence) Verdict {
	v := outOfMemory(e)
	if e.opts.ChildOOM == ChildOOMWarn {
		ok := succeeded(e)
		ok.OOM = v.OOM
		ok.Message += ", although " + victimText(v.OOM) + " ran out of memory"
		ok.Hints = append(v.Hints, ok.Hints...)
		return ok
	}
	v.Message += ", and the main process went on to exit 0"
	v.Hints = append(v.Hints, "a cluster with cgroup v2 would have killed the whole container; --child-oom=warn makes this a warning")
	return v
}

func (e *evidence) oomReport() *OOMReport {
	o := e.o
	r := &OOMReport{
		Limit:    o.Memory.Limit,
		Peak:     o.Memory.Peak,
		Group:    o.Counters.Group,
		Cores:    o.Cores,
		Kills:    e.kills,
		After:    oomTime(o),
		Evidence: e.word(),
	}
	if r.Group == sandbox.GroupEnforced && len(o.Victims) > 0 {
		r.Kills = int64(len(o.Victims)) // the kernel counts the first victim of a group kill twice
	}
	if r.Group == "" {
		r.Group = sandbox.GroupNo
	}
	r.Seconds = r.After.Seconds()
	if b := o.Memory.Last; b != nil {
		r.Anon, r.File, r.Shmem, r.Kernel = b.Anon, b.File, b.Shmem, b.Kernel
	}
	if len(o.Victims) > 0 {
		victim := o.Victims[0]
		r.Victim, r.Main = &victim, victim.Main
	} else {
		// Nobody saw the victim. A main process that SIGKILL ended without
		// the supervisor's doing is the likeliest one.
		r.Main = o.Exit != nil && o.Exit.Signal == "SIGKILL" && o.GroupKilledAt.IsZero()
	}
	if next, ok := e.nextMemory(); ok {
		r.Suggest = next
	}
	return r
}

// oomTime is how long after its start the attempt ran out.
func oomTime(o sandbox.Outcome) time.Duration {
	at := o.KillSeenAt
	if at.IsZero() {
		at = o.EndedAt
	}
	if o.StartedAt.IsZero() || at.Before(o.StartedAt) {
		return 0
	}
	return at.Sub(o.StartedAt)
}

func victimText(r *OOMReport) string {
	who := "a process"
	if v := r.Victim; v != nil {
		if v.Name != "" {
			who = v.Name
		}
		if v.PID > 0 {
			who += fmt.Sprintf(" (pid %d)", v.PID)
		}
	}
	switch {
	case r.Main:
		return who
	case r.Victim == nil:
		return "a process of the task"
	default:
		return "the child process " + who
	}
}

func (e *evidence) oomHints(r *OOMReport) []string {
	var hints []string
	if r.Suggest != "" {
		hints = append(hints, "try "+e.paste(r.Suggest))
	} else {
		hints = append(hints, fmt.Sprintf("this machine has no more than %s to give; make the task smaller, or run it on a larger one", size(max(e.opts.MaxMemory, r.Limit))))
	}
	if r.Evidence == sandbox.EvidenceSample {
		hints = append(hints, "how sure that is: not very, as neither the kernel's counters nor the engine's word could be had and somebody's kill looks the same; where drydock may read the container's cgroup (as root on the engine's machine) it is certain")
	}
	return append(hints, e.sharedHint(r)...)
}

// sharedHint tells of shared memory, which is no process's own, so that a list
// of processes would not show it. A tmpfs can be asked after the end; the last
// sample may be older than what filled it.
func (e *evidence) sharedHint(r *OOMReport) []string {
	const worth = 4 // a part of the limit
	switch {
	case e.hasShm() && e.shmUsed() > r.Limit/worth:
		return []string{fmt.Sprintf("/dev/shm held %s of its %s, and its pages count as memory; ask for memory for both", size(e.shmUsed()), size(e.o.Shm.Size))}
	case r.Shmem > r.Limit/worth:
		return []string{fmt.Sprintf("%s of it were files in /dev/shm or shared mappings, which count as memory; ask for memory for both", size(r.Shmem))}
	}
	return nil
}

func (e *evidence) nextMemory() (resources.Quantity, bool) {
	return resources.NextMemory(e.o.Memory.Limit, suggestFactor, e.opts.MaxMemory)
}

// paste is the line that gives the task another memory limit: the whole
// override, because an override replaces all resources.
func (e *evidence) paste(memory resources.Quantity) string {
	return withMemory(e.opts.Asked, memory).Python()
}
