// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
)

// errInitKilled stands for an end of the runtime's own process before it
// became the program.
var errInitKilled = errors.New("the container ended before the program ran")

// startFailed records why the program never ran.
func (a *attempt) startFailed(err error) {
	if a.outcome.StartError == nil {
		a.outcome.StartError = &sandbox.StartError{Reason: classifyStart(err), Message: startMessage(err.Error())}
	}
}

// classifyStart sorts a failed start. The program's own execve has a number;
// the runtime's errors cross a process border as text, which never holds the
// program's name: the words are libcontainer's (process_linux.go).
func classifyStart(err error) sandbox.StartReason {
	var failed *execError
	if errors.As(err, &failed) {
		switch failed.errno {
		case unix.ENOENT:
			return sandbox.StartNotFound
		case unix.EPROTO, unix.ENOMEM:
			return sandbox.StartRuntime
		}
		return sandbox.StartNotExecutable
	}
	for _, words := range []string{"memory limit too low", "unable to set memory limit"} {
		if strings.Contains(err.Error(), words) {
			return sandbox.StartLimitTooLow
		}
	}
	return sandbox.StartRuntime
}

// startMessage drops the runtime's outer words.
func startMessage(text string) string {
	_, inner, ok := strings.Cut(text, "error during container init: ")
	if ok {
		text = inner
	}
	return strings.TrimSpace(text)
}

// readCounters takes the facts that the kernel keeps, after the main process
// was reaped and before the cgroup goes.
func (a *attempt) readCounters() {
	if a.group == nil {
		return
	}
	o, w := &a.outcome, &a.watcher
	if shm := a.config.Drydock.ShmDir; shm != "" {
		size := a.config.Drydock.Spec.Limits.ShmSize
		o.Shm = &sandbox.Shm{Size: size, Used: shmUsed(shm)}
		o.Shm.Peak = o.Shm.Used
		if w.shm != nil {
			o.Shm.Peak = max(o.Shm.Used, w.shm.peak.Load())
		}
	}
	totals, err := a.group.Totals()
	if err != nil {
		if o.StartError != nil { // the runtime has removed its group already
			o.Counters = &sandbox.Counters{CgroupVersion: a.hierarchy.Version}
		}
		return
	}
	o.Counters = &sandbox.Counters{
		CgroupVersion: a.hierarchy.Version,
		OOMKill:       totals.OOMKill,
		OOM:           totals.OOM,
		OOMGroupKill:  totals.OOMGroupKill,
		Max:           totals.Max,
		High:          totals.High,
		Notified:      w.notified,
		AncestorOOM:   a.ancestors.Short(),
		HostOOMKill:   cgroup.HostOOMKills() - a.hostKills,
		Group:         a.group.GroupState(a.config.Drydock.Spec.Limits.GroupKill),
	}
	o.Memory.Peak = max(o.Memory.Peak, totals.MemoryPeak)
	if limit, err := a.group.Limit(); err == nil && limit > 0 {
		o.Memory.Limit = limit
	}
	o.CPUSeconds = totals.CPUSeconds
	o.Pids = sandbox.Pids{Limit: a.config.Drydock.Spec.Limits.Pids, Peak: totals.PidsPeak, Refused: totals.PidsRefused}
	o.Hugetlb = totals.HugetlbRefused
	o.Leftovers = a.group.Kill()
	if totals.OOMKill > 0 {
		a.nameVictims()
		a.oomAtStart()
	}
}

// oomAtStart tells a limit below the runtime's own need from other failed starts.
func (a *attempt) oomAtStart() {
	if e := a.outcome.StartError; e != nil && e.Reason == sandbox.StartRuntime {
		e.OOM, e.Reason = true, sandbox.StartLimitTooLow
	}
}

// noteVictims keeps what a look at the processes right after a kill showed:
// those that are dying now, else the largest that has gone meanwhile.
func (a *attempt) noteVictims(dying, gone []proc) {
	candidates := dying
	if len(dying) == 0 && len(gone) > 0 {
		candidates = []proc{slices.MaxFunc(gone, func(x, y proc) int { return cmp.Compare(x.rss, y.rss) })}
	}
	for _, p := range candidates {
		known := slices.ContainsFunc(a.outcome.Victims, func(v sandbox.Victim) bool { return v.HostPID == p.pid })
		if !known {
			a.outcome.Victims = append(a.outcome.Victims, p.victim())
		}
	}
}

// nameVictims settles who was killed. The kernel's log is the best witness;
// it may be unreadable. What cannot be: a main process that did not die of
// SIGKILL was no victim, and one that did although we sent none was.
func (a *attempt) nameVictims() {
	o, t := &a.outcome, &a.watcher.tracker
	logged := a.kernlog.Victims(a.group, func(pid int) bool { _, ok := t.past[pid]; return ok || pid == t.main })
	for i := range logged {
		v := &logged[i]
		v.PID, v.Main = t.past[v.HostPID].inside, v.HostPID == t.main
		if v.Main {
			v.PID = 1
		}
	}
	if len(logged) > 0 {
		o.Victims = logged
		return
	}
	if o.Counters.Group == sandbox.GroupEnforced && len(o.Victims) > 0 {
		// All were killed at once; the kernel picks the largest first.
		slices.SortStableFunc(o.Victims, func(x, y sandbox.Victim) int { return cmp.Compare(y.RSS, x.RSS) })
		return
	}
	killed := o.Exit != nil && o.Exit.Signal == unix.SignalName(unix.SIGKILL)
	if !killed {
		o.Victims = slices.DeleteFunc(o.Victims, func(v sandbox.Victim) bool { return v.Main })
	}
	if killed && len(o.Stops) == 0 && o.GroupKilledAt.IsZero() && !slices.ContainsFunc(o.Victims, func(v sandbox.Victim) bool { return v.Main }) {
		main := t.past[t.main]
		o.Victims = append([]sandbox.Victim{{PID: 1, HostPID: t.main, Name: main.name, RSS: main.rss, Main: true}}, o.Victims...)
	}
}
