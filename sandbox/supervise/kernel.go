// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
)

// Kernel is a Witness: the kernel, by the attempt's own cgroup. The best there is.
type Kernel struct {
	version   int
	group     *cgroup.Group
	log       *cgroup.KernelLog
	ancestors *cgroup.Ancestors
	hostKills int64

	meter    *cgroup.Meter
	events   news           // nil: the kernel does not tell
	reader   sync.WaitGroup // of the events
	notified atomic.Bool    // v1's OOM event fired at least once
	tracker  tracker
}

// news are a group's OOM events.
type news interface {
	Next() bool
	Pending() bool
	Close()
}

// NewKernel notes where the machine stands; the attempt's group is made next.
func NewKernel() *Kernel {
	return &Kernel{log: cgroup.OpenKernelLog(), hostKills: cgroup.HostOOMKills()}
}

// Own tells which group is the attempt's, as soon as it exists.
func (k *Kernel) Own(h cgroup.Hierarchy, g *cgroup.Group) {
	k.version, k.group, k.ancestors = h.Version, g, g.Ancestors()
}

// Release lets everything go, after the end.
func (k *Kernel) Release() {
	k.ancestors.Close()
	k.log.Close()
}

// Notified reports whether the event of the limit's owner has fired (v1).
func (k *Kernel) Notified() bool { return k.notified.Load() }

// Watch implements Witness.
func (k *Kernel) Watch() <-chan Wake {
	k.meter, _ = k.group.Meter()
	events, err := k.group.Watch()
	if err != nil {
		return make(chan Wake)
	}
	return k.follow(events)
}

// follow passes the news on until Close.
func (k *Kernel) follow(events news) <-chan Wake {
	k.events = events
	woken := make(chan Wake, 1)
	k.reader.Go(func() {
		for events.Next() {
			k.notified.Store(k.early())
			select {
			case woken <- Wake{Early: k.early()}:
			default: // one is waiting already
			}
		}
	})
	return woken
}

// early says that the kernel tells of a shortage before it kills (v1).
func (k *Kernel) early() bool { return k.version == 1 }

// Main implements Witness.
func (k *Kernel) Main(pid int) { k.tracker.main = pid }

// Close implements Witness. On a busy machine the end may be known before the
// event that the kernel sent ahead of it was read: it counts all the same.
func (k *Kernel) Close() {
	if k.events != nil {
		if k.early() && k.events.Pending() {
			k.notified.Store(true)
		}
		k.events.Close()
		k.reader.Wait()
	}
	if k.meter != nil {
		k.meter.Close()
	}
}

// Track implements Witness.
func (k *Kernel) Track() { k.tracker.look(k.group.Procs()) }

// Sample implements Witness.
func (k *Kernel) Sample() (Look, bool) {
	if k.meter == nil {
		return Look{}, false
	}
	s, err := k.meter.Sample()
	return Look{Sample: s, Ending: ending(k.tracker.main)}, err == nil // looked at last: it may have ended meanwhile
}

// Kills implements Witness.
func (k *Kernel) Kills() (int64, error) { return k.group.OOMKills() }

// NoteVictims keeps those that are dying now, else the largest that has gone
// since the last look.
func (k *Kernel) NoteVictims(o *sandbox.Outcome) {
	candidates, gone := k.tracker.look(k.group.Procs())
	if len(candidates) == 0 && len(gone) > 0 {
		candidates = []proc{slices.MaxFunc(gone, func(x, y proc) int { return cmp.Compare(x.rss, y.rss) })}
	}
	for _, p := range candidates {
		known := slices.ContainsFunc(o.Victims, func(v sandbox.Victim) bool { return v.HostPID == p.pid })
		if !known {
			o.Victims = append(o.Victims, p.victim())
		}
	}
}

// Settle implements Witness.
func (k *Kernel) Settle(o *sandbox.Outcome) {
	totals, err := k.group.Totals()
	if err != nil {
		if o.StartError != nil { // the runtime has removed its group already
			o.Counters = &sandbox.Counters{CgroupVersion: k.version}
		}
		return
	}
	o.Counters = &sandbox.Counters{
		CgroupVersion: k.version,
		OOMKill:       totals.OOMKill,
		OOM:           totals.OOM,
		OOMGroupKill:  totals.OOMGroupKill,
		Max:           totals.Max,
		High:          totals.High,
		Notified:      k.Notified(),
		AncestorOOM:   k.ancestors.Short(),
		HostOOMKill:   cgroup.HostOOMKills() - k.hostKills,
	}
	o.Memory.Peak = max(o.Memory.Peak, totals.MemoryPeak)
	if limit, err := k.group.Limit(); err == nil && limit > 0 {
		o.Memory.Limit = limit
	}
	o.CPUSeconds = totals.CPUSeconds
	o.Pids.Peak, o.Pids.Refused = totals.PidsPeak, totals.PidsRefused
	o.Hugetlb = totals.HugetlbRefused
	o.Leftovers = k.group.Kill()
	if totals.OOMKill > 0 {
		k.NameVictims(o)
	}
}

// NameVictims settles who was killed. The kernel's log is the best witness;
// it may be unreadable. What cannot be: a main process that did not die of
// SIGKILL was no victim, and one that did although we sent none was.
func (k *Kernel) NameVictims(o *sandbox.Outcome) {
	if logged := k.Logged(); len(logged) > 0 {
		o.Victims = logged
		return
	}
	if k.group.GroupState(true) == sandbox.GroupEnforced && len(o.Victims) > 0 {
		// All were killed at once; the kernel picks the largest first.
		slices.SortStableFunc(o.Victims, func(x, y sandbox.Victim) int { return cmp.Compare(y.RSS, x.RSS) })
		return
	}
	killed := o.Exit != nil && o.Exit.Signal == unix.SignalName(unix.SIGKILL)
	if !killed {
		o.Victims = slices.DeleteFunc(o.Victims, func(v sandbox.Victim) bool { return v.Main })
	}
	if killed && len(o.Stops) == 0 && o.GroupKilledAt.IsZero() && !slices.ContainsFunc(o.Victims, func(v sandbox.Victim) bool { return v.Main }) {
		main := k.tracker.past[k.tracker.main]
		o.Victims = append([]sandbox.Victim{{PID: 1, HostPID: k.tracker.main, Name: main.name, RSS: main.rss, Main: true}}, o.Victims...)
	}
}

// Logged are the victims that the kernel's log names.
func (k *Kernel) Logged() []sandbox.Victim {
	t := &k.tracker
	logged := k.log.Victims(k.group, func(pid int) bool { _, ok := t.past[pid]; return ok || pid == t.main })
	for i := range logged {
		v := &logged[i]
		v.PID, v.Main = t.past[v.HostPID].inside, v.HostPID == t.main
		if v.Main {
			v.PID = 1
		}
	}
	return logged
}

// LoggedRefusal reports whether the kernel's log tells of a process that the
// attempt was refused.
func (k *Kernel) LoggedRefusal() bool { return k.log.Refused(k.group) }
