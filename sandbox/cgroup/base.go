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
// machine. It is a shared kernel lock on a directory that all users of one
// Base agree on, freed by the kernel should the holder die.
type BaseHold struct {
	h   Hierarchy
	dir *os.File
}

// holdPatience bounds the wait for somebody who just removes the group; the
// lock is open to everybody, so a stranger must not be able to stop us.
const holdPatience = time.Second

// HoldBase takes the hold by a lock on dir.
func (h Hierarchy) HoldBase(lockDir string) (*BaseHold, error) {
	dir, err := os.Open(lockDir)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(holdPatience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if unix.Flock(int(dir.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
			break
		}
	}
	return &BaseHold{h: h, dir: dir}, nil
}

// Release lets go, and removes the common group if nobody else holds it. The
// kernel refuses to remove one that is in use.
func (b *BaseHold) Release() error {
	if unix.Flock(int(b.dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		for _, root := range b.h.roots() {
			_ = unix.Rmdir(filepath.Join(root, b.h.Base))
		}
	}
	return b.dir.Close()
}

// MemoryBase is the common group's directory on the memory controller.
func (h Hierarchy) MemoryBase() string { return filepath.Join(h.memoryRoot(), h.Base) }
