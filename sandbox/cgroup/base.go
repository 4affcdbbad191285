// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// BaseHold keeps the common group (Base) in place while an attempt needs it.
// The last one to let go removes it, so that nothing is left on an idle
// machine. It is a shared kernel lock on a file that all users of one Base
// agree on, freed by the kernel should the holder die.
type BaseHold struct {
	h    Hierarchy
	lock *os.File // nil: the common group stays
}

// holdPatience bounds the wait for somebody who just removes the group.
const holdPatience = time.Second

// HoldBase takes the hold by a lock on the file path, which it makes. A file
// of somebody else's is left alone; then the common group is never removed.
func (h Hierarchy) HoldBase(path string) (*BaseHold, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return &BaseHold{h: h}, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Uid != uint32(os.Geteuid()) || st.Mode&0o077 != 0 {
		return &BaseHold{h: h}, f.Close()
	}
	for deadline := time.Now().Add(holdPatience); ; time.Sleep(time.Millisecond) {
		// Tried first: this process may be held up for longer than the patience.
		if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil || time.Now().After(deadline) {
			break
		}
	}
	return &BaseHold{h: h, lock: f}, nil
}

// Release lets go, and removes the common group if nobody else holds it. The
// kernel refuses to remove one that is in use.
func (b *BaseHold) Release() error {
	if b.lock == nil {
		return nil
	}
	if unix.Flock(int(b.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		for _, root := range b.h.roots() {
			_ = unix.Rmdir(filepath.Join(root, b.h.Base))
		}
	}
	return b.lock.Close()
}

// MemoryBase is the common group's directory on the memory controller.
func (h Hierarchy) MemoryBase() string { return filepath.Join(h.memoryRoot(), h.Base) }
