// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Ancestors watches the groups above the limit's owner, whose shortage can
// kill a task that is within its own limit (rows 6 and 7 of the table).
type Ancestors struct {
	above []ancestor
}

// ancestor is a group above.
type ancestor struct {
	dir string
	oom int64 // v2: its own oom count at the start
	// fired, on v1, becomes readable when the group runs out. A group's event
	// also tells all groups below it, never those above: so the one of an
	// ancestor is not about the task's own limit. How far its usage and its
	// peak are from the limit says less: the kill has made room by the time
	// anybody looks, and the peak may be of another day.
	fired int // descriptor, or -1
}

// Ancestors notes where the groups above stand now. In a container the uppermost
// that can be seen is the container's own, with a limit like any other.
func (g *Group) Ancestors() *Ancestors {
	a := &Ancestors{}
	root := filepath.Clean(g.h.memoryRoot())
	for dir := filepath.Dir(g.memoryDir()); len(dir) >= len(root); dir = filepath.Dir(dir) {
		up := ancestor{dir: dir, fired: -1}
		if g.h.Version == 2 {
			up.oom = localOOM(dir)
		} else {
			up.fired = oomEvent(dir)
		}
		a.above = append(a.above, up)
	}
	return a
}

// Short reports whether a group above has run out since the start.
func (a *Ancestors) Short() bool {
	if a == nil {
		return false
	}
	for _, up := range a.above {
		if localOOM(up.dir) > up.oom || hasFired(up.fired) {
			return true
		}
	}
	return false
}

// Close lets the events go.
func (a *Ancestors) Close() {
	if a == nil {
		return
	}
	for _, up := range a.above {
		if up.fired >= 0 {
			unix.Close(up.fired)
		}
	}
}

// localOOM is a v2 group's own oom count, not its descendants'; 0 on v1.
func localOOM(dir string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, "memory.events.local"))
	if err != nil {
		return 0
	}
	return parseKeyed(string(data))["oom"]
}

// oomEvent registers for a v1 group's event "out of memory"
// (Documentation/admin-guide/cgroup-v1/memory.rst, 10). It returns an eventfd,
// or -1 where there is no right to register.
func oomEvent(dir string) int {
	control, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err != nil {
		return -1
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1
	}
	if writeFile(filepath.Join(dir, "cgroup.event_control"), fmt.Sprintf("%d %d", fd, control.Fd())) != nil {
		unix.Close(fd)
		return -1
	}
	return fd
}

// hasFired looks at an eventfd and leaves it as it is.
func hasFired(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // a negative one is skipped
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}
