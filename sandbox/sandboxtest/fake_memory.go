// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"strings"
	"time"

	"drydock/sandbox"
)

// touch charges n bytes to one of the program's books. Above the limit the
// kernel kills: the main process, or a child of it.
func (r *fakeRun) touch(book *int64, n int64, main bool) *sandbox.Exit {
	limit := r.spec.Limits.Memory
	if limit > 0 && r.anon+r.shm+n > limit {
		*book += limit - r.anon - r.shm
		r.file = 0
		r.peak()
		return r.oom(main)
	}
	*book += n
	// Page cache gives way to what is needed.
	if over := r.anon + r.shm + r.file - limit; limit > 0 && over > 0 {
		r.file -= over
	}
	r.peak()
	return nil
}

// cache fills page cache: it stops at the limit and kills nobody.
func (r *fakeRun) cache(args []string) *sandbox.Exit {
	r.file += fakeMiB(args[0])
	if over := r.anon + r.shm + r.file - r.spec.Limits.Memory; r.spec.Limits.Memory > 0 && over > 0 {
		r.file -= over
		r.out.Counters.Max += 20
	}
	r.peak()
	return nil
}

func (r *fakeRun) peak() {
	m := &r.out.Memory
	m.Peak = max(m.Peak, r.anon+r.shm+r.file)
	m.PeakNeed = max(m.PeakNeed, r.anon+r.shm)
	m.Last = &sandbox.Breakdown{Anon: r.anon, File: r.file, Shmem: r.shm}
}

// oom is the kernel's kill and how it is counted.
func (r *fakeRun) oom(main bool) *sandbox.Exit {
	c, now := r.out.Counters, time.Now()
	kills := int64(1)
	if c.CgroupVersion == 2 {
		c.OOM++
		c.Max += 20
		if c.Group == sandbox.GroupEnforced { // the first victim counts twice
			c.OOMGroupKill++
			kills = 2
			if !main {
				kills = 3
			}
		}
	} else {
		c.Notified = true
	}
	c.OOMKill += kills
	c.HostOOMKill += kills
	victim := sandbox.Victim{PID: 1, HostPID: 4242, Name: "hog", RSS: r.anon, Main: main}
	if !main {
		victim.PID, victim.HostPID = fakePID, 4249
	}
	r.out.Victims = append(r.out.Victims, victim)
	if r.out.KillSeenAt.IsZero() {
		r.out.KillSeenAt = now
		r.send(sandbox.Event{OOM: &sandbox.OOMEvent{Victim: &victim, Kills: c.OOMKill}})
	}
	switch {
	case main, c.Group == sandbox.GroupEnforced:
		return fakeSignal("SIGKILL")
	case c.Group == sandbox.GroupEmulated && r.groupAt.IsZero():
		r.groupAt = now.Add(fakeEmulate)
	}
	return nil
}

// child touches memory in a child and waits for it.
func (r *fakeRun) child(args []string) *sandbox.Exit {
	before, kills := r.anon, r.out.Counters.OOMKill
	if end := r.touch(&r.anon, fakeMiB(args[0]), false); end != nil {
		return end
	}
	r.anon = before // gone with the child
	status := 0
	if r.out.Counters.OOMKill > kills {
		status = 137
	}
	return r.say(r.streams.Stdout, fmt.Sprintf("child %d\n", status))
}

func (r *fakeRun) background(args []string) *sandbox.Exit {
	r.later = &fakeLater{at: time.Now().Add(fakeMillis(args[0])), bytes: fakeMiB(args[1])}
	r.strays++
	return nil
}

// fill writes a file; on /dev/shm it ends where the tmpfs does.
func (r *fakeRun) fill(args []string) *sandbox.Exit {
	full, end := r.intoShm(args)
	if end != nil {
		return end
	}
	if full {
		r.say(r.streams.Stderr, args[0]+": No space left on device\n")
		return &sandbox.Exit{Code: 1}
	}
	return nil
}

// mapped touches a mapped file page by page.
func (r *fakeRun) mapped(args []string) *sandbox.Exit {
	full, end := r.intoShm(args)
	if end == nil && full {
		return fakeSignal("SIGBUS")
	}
	return end
}

// mapUnlinked does so with a file that has no name any more: when the program
// has ended nothing of it is to be seen, and looks while it ran came too late.
func (r *fakeRun) mapUnlinked(args []string) *sandbox.Exit {
	end := r.mapped(args)
	if end != nil {
		r.shm, r.out.Shm.Peak = 0, 0
	}
	return end
}

// fallocate is refused as a whole: at once, or when what is left has been
// taken, which is then given back.
func (r *fakeRun) fallocate(args []string) *sandbox.Exit {
	before := r.shm
	switch full, end := r.intoShm(args); {
	case end != nil:
		return end
	case !full:
		return nil
	}
	r.shm, r.out.Shm.Peak = before, before // no look came between
	r.say(r.streams.Stderr, "fallocate: No space left on device\n")
	return &sandbox.Exit{Code: 1}
}

// room knows /dev/shm alone.
func (r *fakeRun) room([]string) *sandbox.Exit {
	return r.say(r.streams.Stdout, fmt.Sprintf("%d %d 1777 0:0\n", r.spec.Limits.ShmSize, r.shm))
}

func inShm(path string) bool { return strings.HasPrefix(path, "/dev/shm/") }

// intoShm charges MiB to /dev/shm and reports whether they filled it.
func (r *fakeRun) intoShm(args []string) (full bool, end *sandbox.Exit) {
	if !inShm(args[0]) {
		return false, r.write(args[0], fakeMiB(args[1]))
	}
	n := fakeMiB(args[1])
	if room := r.spec.Limits.ShmSize - r.shm; n > room {
		n, full = room, true
	}
	end = r.touch(&r.shm, n, true)
	r.out.Shm.Peak = max(r.out.Shm.Peak, r.shm)
	return full, end
}

func (r *fakeRun) sample(now time.Time) {
	r.sampled = now
	s := sandbox.Sample{
		Time: now, Memory: r.anon + r.shm + r.file, CPUSeconds: r.cpu.Seconds(),
		Breakdown: &sandbox.Breakdown{Anon: r.anon, File: r.file, Shmem: r.shm},
	}
	r.send(sandbox.Event{Sample: &s})
}

// settle completes the facts after the end.
func (r *fakeRun) settle() {
	r.out.CPUSeconds = r.cpu.Seconds()
	r.out.Shm.Used = r.shm
	r.lookAtDisk()
	r.out.Leftovers = r.strays
	r.out.Pids.Peak = max(r.out.Pids.Peak, int64(1+r.strays))
}
