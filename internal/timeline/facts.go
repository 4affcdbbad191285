// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"strings"
	"time"

	"drydock/executor"
	"drydock/internal/report"
	"drydock/sandbox"
)

// facts are what there is to say about an attempt beside its figure.
func facts(a *Attempt) []fact {
	var all []fact
	add := func(name, value, remark string) {
		if value != "" {
			all = append(all, fact{name, report.OneLine(value), report.OneLine(remark)})
		}
	}
	add("lasted", lastedText(a), "")
	if a.Outcome != nil && a.Outcome.Exit != nil {
		add("main process", strings.TrimPrefix(exitText(a.Outcome.Exit), ": "), "")
	}
	peak, _, sampled := a.Peak()
	if peak > 0 {
		remark := ""
		if !sampled {
			remark = "between two samples"
		}
		add("memory peak", ofLimit(peak, a.MemoryLimit), remark)
	}
	addOOM(a, add)
	if used := a.cpuSeconds(); used > 0 {
		add("CPU", number(used)+" s", "")
	}
	addDisk(a, add)
	addGPUs(a, add)
	if o := a.Outcome; o != nil {
		if s := o.Shm; s != nil && s.Peak > 0 {
			add("/dev/shm", ofLimit(s.Peak, s.Size), "at its fullest")
		}
		if o.Pids.Peak > 0 {
			add("processes", fmt.Sprint(o.Pids.Peak), "and threads at a time, at most")
		}
		if o.Cores > 0 {
			add("cores", fmt.Sprint(o.Cores), "that the program could see")
		}
	}
	add("samples", fmt.Sprint(a.Samples()), "")
	return all
}

// addDisk adds what was taken of the disk, and where most of it lay.
func addDisk(a *Attempt, add func(name, value, remark string)) {
	peak, _, _ := a.PeakDisk()
	if peak == 0 {
		return
	}
	add("disk", ofLimit(peak, a.DiskLimit), "at its fullest, of what looks saw")
	if a.Outcome == nil || a.Outcome.Disk == nil {
		return
	}
	name := "most of it in"
	for _, l := range a.Outcome.Disk.Largest {
		add(name, report.Path(l.Path), report.Size(l.Bytes))
		name = "and in"
	}
	add("not looked at", a.Outcome.Disk.Incomplete, "")
}

func lastedText(a *Attempt) string {
	switch d := a.Duration(); {
	case d <= 0:
		return ""
	case d >= time.Hour:
		return since(d)
	default:
		return report.Lasted(d)
	}
}

func ofLimit(n, limit int64) string {
	if limit <= 0 {
		return report.Size(n)
	}
	return fmt.Sprintf("%s of %s", report.Size(n), report.Size(limit))
}

// addOOM adds the evidence of an out-of-memory kill.
func addOOM(a *Attempt, add func(name, value, remark string)) {
	if a.Verdict == nil || a.Verdict.OOM == nil {
		return
	}
	o := a.Verdict.OOM
	addSplit(o, add)
	if v := o.Victim; v != nil {
		role := "a child process"
		if o.Main {
			role = "the main process"
		}
		if v.RSS > 0 {
			role += ", RSS " + report.Size(v.RSS)
		}
		if o.Kills > 1 {
			role += fmt.Sprintf(", the first of %d", o.Kills)
		}
		name := v.Name
		if name == "" {
			name = "a process"
		}
		if v.PID > 0 {
			name += fmt.Sprintf(" (pid %d)", v.PID)
		}
		add("killed", name, role)
	}
	if o.Group != "" {
		add("group kill", string(o.Group), "")
	}
}

// addSplit says what the memory was at the kill. A sample that missed much of
// it was taken before the fast growth that killed.
func addSplit(o *executor.OOMReport, add func(name, value, remark string)) {
	b := sandbox.Breakdown{Anon: o.Anon, File: o.File, Shmem: o.Shmem, Kernel: o.Kernel}
	switch n := sum(&b); {
	case n == 0:
		add("at the kill", "not known", "it grew too fast to be sampled")
	case n < o.Peak/4*3:
		add("at the kill", split(&b), "in the last sample before it")
	default:
		add("at the kill", split(&b), "")
	}
}

// split writes the parts of memory.
func split(b *sandbox.Breakdown) string {
	return fmt.Sprintf("anon %s, shmem %s, kernel %s, file %s",
		report.Size(b.Anon), report.Size(b.Shmem), report.Size(b.Kernel), report.Size(b.File))
}
