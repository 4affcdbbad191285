// SPDX-License-Identifier: Apache-2.0

package hard

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// found are the answers of Find by file system: a probe writes.
var found sync.Map // uint64: Way

// Find says in which way a directory below dir can be held to a limit. The
// error is a *sandbox.SpecError that says why in none. It is safe for
// concurrent use.
func Find(dir string) (Way, error) {
	if os.Geteuid() != 0 {
		return "", Impossible("quotas and loop devices are root's", "run drydock as root")
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if way, ok := found.Load(st.Dev); ok {
		return way.(Way), nil
	}
	way := Quota
	if !quotaProved(dir) {
		way = Loop
		if err := loopsHere(); err != nil {
			return "", err
		}
	}
	found.Store(st.Dev, way)
	return way, nil
}

// Short says that the machine's disk has less room now than a Loop may take of
// it; "" where it has enough.
func Short(way Way, dir string, size int64) string {
	var st unix.Statfs_t
	if way != Loop || unix.Statfs(dir, &st) != nil {
		return ""
	}
	free := int64(st.Bavail) * st.Bsize
	if free >= size {
		return ""
	}
	return fmt.Sprintf("; the machine's disk has only %d MiB left for it", free>>20)
}

// Least is the smallest limit, in bytes: a sandbox makes some dozens of
// directories of its own, and a program wants to write something, too.
const Least = 1 << 20

// Enough refuses a limit below Least, by a *sandbox.SpecError.
func Enough(size int64) error {
	if size >= Least {
		return nil
	}
	return Impossible(fmt.Sprintf("%d bytes do not even hold the directories that the sandbox makes itself", size), "ask for 1Mi or more")
}

// loopsHere looks for what a Loop needs.
func loopsHere() error {
	if _, err := findMkfs(); err != nil {
		return Impossible("there is no quota for projects on the state directory's file system, and no mkfs.ext4 to make an image",
			"install e2fsprogs, or put --state-dir on XFS mounted with pquota")
	}
	control, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return Impossible("there is no quota for projects on the state directory's file system, and no loop device to be had: "+err.Error(),
			"load the module (modprobe loop; in a container, give it --privileged), or put --state-dir on XFS mounted with pquota")
	}
	return control.Close()
}

// findMkfs finds the program also where only root's PATH has it.
func findMkfs() (string, error) {
	const name = "mkfs.ext4"
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	return path, err
}
