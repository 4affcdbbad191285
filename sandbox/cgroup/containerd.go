// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"
)

// v1 loads the group's controllers that have something to count.
func (g *Group) v1() (cgroup1.Cgroup, error) {
	root := filepath.Dir(g.h.Controllers["memory"])
	subsystems := func() ([]cgroup1.Subsystem, error) {
		return []cgroup1.Subsystem{
			cgroup1.NewMemory(root, cgroup1.OptionalSwap()),
			cgroup1.NewCpuacct(root),
			cgroup1.NewPids(root),
		}, nil
	}
	return cgroup1.Load(cgroup1.StaticPath(g.Path()), cgroup1.WithHierarchy(subsystems))
}

// totalsV1 reads v1's counters. There is no oom count and pids has no peak
// before Linux 6.x; oom_kill is not hierarchical, and the container has no
// groups of its own because its cgroup file system is read-only.
func (g *Group) totalsV1() (Totals, error) {
	cg, err := g.v1()
	if err != nil {
		return Totals{}, describe(err, g.memoryDir())
	}
	m, err := cg.Stat(cgroup1.IgnoreNotExist)
	if err != nil {
		return Totals{}, describe(err, g.memoryDir())
	}
	t := Totals{
		OOMKill:    int64(m.GetMemoryOomControl().GetOomKill()) + g.killsBelow(),
		MemoryPeak: int64(m.GetMemory().GetUsage().GetMax()),
		CPUSeconds: float64(m.GetCPU().GetUsage().GetTotal()) / 1e9,
	}
	if m.GetMemoryOomControl() == nil {
		return t, describe(os.ErrNotExist, g.memoryDir()+"/memory.oom_control")
	}
	t.readPids(filepath.Join(g.h.Controllers["pids"], g.Path()))
	t.PidsRefused += g.below.refused.Load()
	if hugetlb := g.h.Controllers["hugetlb"]; hugetlb != "" {
		t.HugetlbRefused = sumFiles(filepath.Join(hugetlb, g.Path(), "hugetlb.*.failcnt"))
	}
	return t, nil
}

// totalsV2 reads the owned parent, whose counters include all descendants.
func (g *Group) totalsV2() (Totals, error) {
	m, err := cgroup2.Load("/"+filepath.Join(g.h.Base, g.name), cgroup2.WithMountpoint(g.h.Unified))
	if err != nil {
		return Totals{}, describe(err, g.memoryDir())
	}
	s, err := m.StatFiltered(cgroup2.StatMemory | cgroup2.StatMemoryEvents | cgroup2.StatCPU)
	if err != nil {
		return Totals{}, describe(err, g.memoryDir())
	}
	events := s.GetMemoryEvents()
	if events == nil {
		return Totals{}, describe(os.ErrNotExist, g.memoryDir()+"/memory.events")
	}
	t := Totals{
		OOMKill:      int64(events.GetOomKill()) + g.killsBelow(),
		OOM:          int64(events.GetOom()),
		OOMGroupKill: int64(events.GetOomGroupKill()),
		Max:          int64(events.GetMax()),
		High:         int64(events.GetHigh()),
		MemoryPeak:   int64(s.GetMemory().GetMaxUsage()),
		CPUSeconds:   float64(s.GetCPU().GetUsageUsec()) / 1e6,
	}
	t.readPids(g.memoryDir())
	// A refusal is counted where it happens; the container's group has the
	// same limit and is asked first.
	g.remember()
	t.PidsRefused = max(t.PidsRefused, g.below.refused.Load())
	t.HugetlbRefused = sumKeyed(filepath.Join(g.memoryDir(), "hugetlb.*.events"), "max")
	return t, nil
}

// readPids reads what the pids controller counts and containerd's types lack.
func (t *Totals) readPids(dir string) {
	t.PidsPeak, _ = readInt(dir, "pids.peak")
	if data, err := os.ReadFile(filepath.Join(dir, "pids.events")); err == nil {
		t.PidsRefused = parseKeyed(string(data))["max"]
	}
}

func sumFiles(pattern string) (sum int64) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		n, _ := readInt(filepath.Dir(path), filepath.Base(path))
		sum += n
	}
	return sum
}

func sumKeyed(pattern, key string) (sum int64) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		data, _ := os.ReadFile(path)
		sum += parseKeyed(string(data))[key]
	}
	return sum
}

// Watch wakes up when the group's OOM counters may have moved. It is a hint:
// what counts is read again at every wake-up and once more after the end,
// because notifications come late, get lost or speak of another group
// (limits-and-oom §3.1).
type Watch struct {
	f       *os.File
	version int
}

// Watch registers for the limit owner's events: v1's eventfd on
// memory.oom_control, v2's inotify on memory.events and cgroup.events.
func (g *Group) Watch() (*Watch, error) {
	var fd int
	if g.h.Version == 1 {
		cg, err := g.v1()
		if err != nil {
			return nil, describe(err, g.memoryDir())
		}
		efd, err := cg.OOMEventFD()
		if err != nil {
			return nil, describe(err, "memory.oom_control")
		}
		fd = int(efd)
	} else {
		m, err := cgroup2.Load("/"+filepath.Join(g.h.Base, g.name), cgroup2.WithMountpoint(g.h.Unified))
		if err != nil {
			return nil, err
		}
		if fd, _, err = m.MemoryEventFD(); err != nil {
			return nil, err
		}
	}
	// Non-blocking, so that Close ends a waiting Next.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &Watch{f: os.NewFile(uintptr(fd), "oom-watch"), version: g.h.Version}, nil
}

// Next waits for a wake-up; false means closed.
func (w *Watch) Next() bool {
	var buf [4096]byte
	_, err := w.f.Read(buf[:])
	return err == nil
}

// Pending reports whether there is news that nobody has had from Next yet.
func (w *Watch) Pending() (pending bool) {
	raw, err := w.f.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) { pending = hasFired(int(fd)) })
	return pending && err == nil
}

// Close ends the watch.
func (w *Watch) Close() { w.f.Close() }
