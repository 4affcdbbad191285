// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// TakeParent is CreateParent where systemd has made the group, a slice with
// the limits as properties: else the next daemon-reload would take them back.
// They are written once more, so that one which systemd did not set is an
// error, and with them what it has no property for: memory.oom.group, see
// KeepTogether, and huge pages, which it leaves alone.
func (h Hierarchy) TakeParent(name string, l sandbox.Limits) (*Group, error) {
	above := h
	above.Owned = filepath.Join(h.Base, name)
	above.passHugetlb()
	g := h.Parent(name)
	if err := g.writeUnified(l); err != nil {
		return nil, err
	}
	return g, g.forbidHugePages()
}

// KeepTogether keeps memory.oom.group at 1 until stop is called. systemd sets
// all attributes of a slice anew when the first unit in it starts and at every
// daemon-reload, and this one to 0: only the OOMPolicy of a service or a scope
// makes it 1 (cgroup_context_apply in systemd's src/core/cgroup.c). The kernel
// tells of the write (inotify(7)), and it is taken back at once.
func (g *Group) KeepTogether() (stop func(), err error) {
	const name = "memory.oom.group"
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", name, err)
	}
	writes := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, filepath.Join(g.memoryDir(), name), unix.IN_MODIFY); err != nil {
		writes.Close()
		return nil, fmt.Errorf("watch %s: %w", name, err)
	}
	done := make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		for buf := make([]byte, 4<<10); ; {
			if n, err := readInt(g.memoryDir(), name); err == nil && n != 1 {
				_ = writeFile(filepath.Join(g.memoryDir(), name), "1") // GroupState tells
			}
			if _, err := writes.Read(buf); err != nil {
				return
			}
		}
	}()
	return func() { writes.Close(); <-done }, nil
}
