// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// Hierarchy is how this machine mounts its cgroups.
type Hierarchy struct {
	// Version is the version that the memory controller is on: 1 also for
	// hybrid machines.
	Version int
	// Controllers maps each v1 controller (and named hierarchies such as
	// "name=systemd") to its mount point. Empty on pure v2.
	Controllers map[string]string
	// Unified is the mount point of cgroup2; on hybrid machines it stands
	// beside the v1 ones. Empty where there is none.
	Unified string
	// LocalEvents says that cgroup2 is mounted with memory_localevents: a
	// group's memory.events leave out those of the groups below.
	LocalEvents bool
	// Base is the group, in every hierarchy, under which tasks have theirs.
	Base string
	// Owned is the delegated group that Base lies in; "" for root, who owns
	// all of them.
	Owned string
}

// StandardBase is the Base that Detect sets.
const StandardBase = "drydock"

// ErrNoMemoryController says that this machine has no usable memory cgroup.
var ErrNoMemoryController = errors.New("no memory cgroup controller is mounted")

// Detect reads how this machine mounts its cgroups.
func Detect() (Hierarchy, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Hierarchy{}, err
	}
	defer f.Close()
	h, err := parseMountinfo(f)
	if err != nil {
		return h, err
	}
	if h.Controllers["memory"] != "" {
		h.Version = 1
		return h, nil
	}
	controllers, err := os.ReadFile(filepath.Join(h.Unified, "cgroup.controllers"))
	if h.Unified == "" || err != nil || !slices.Contains(strings.Fields(string(controllers)), "memory") {
		return h, ErrNoMemoryController
	}
	h.Version = 2
	return h, nil
}

// parseMountinfo picks the cgroup mounts out of /proc/self/mountinfo
// (proc_pid_mountinfo(5)); of a hierarchy mounted twice the first counts.
func parseMountinfo(r io.Reader) (Hierarchy, error) {
	h := Hierarchy{Controllers: map[string]string{}, Base: StandardBase}
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		left, right, ok := strings.Cut(scanner.Text(), " - ")
		fields, rest := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(rest) < 3 {
			continue
		}
		mountpoint := fields[4]
		switch rest[0] {
		case "cgroup2":
			if h.Unified == "" {
				h.Unified = mountpoint
				h.LocalEvents = slices.Contains(strings.Split(rest[2], ","), "memory_localevents")
			}
		case "cgroup":
			for option := range strings.SplitSeq(rest[2], ",") {
				if isController(option) && h.Controllers[option] == "" {
					h.Controllers[option] = mountpoint
				}
			}
		}
	}
	return h, scanner.Err()
}

// isController tells controllers from the other super block options of a v1 mount.
func isController(option string) bool {
	switch option {
	case "rw", "ro", "xattr", "clone_children", "noprefix", "all", "none", "cpuset_v2_mode", "favordynmods":
		return false
	}
	return !strings.HasPrefix(option, "release_agent=")
}

// roots returns the distinct mount points that a task has a directory in.
func (h Hierarchy) roots() []string {
	var roots []string
	for _, mountpoint := range h.Controllers {
		roots = append(roots, mountpoint)
	}
	if h.Unified != "" {
		roots = append(roots, h.Unified)
	}
	sort.Strings(roots)
	return slices.Compact(roots)
}

// memoryRoot is the mount point of the memory controller.
func (h Hierarchy) memoryRoot() string {
	if h.Version == 1 {
		return h.Controllers["memory"]
	}
	return h.Unified
}

// Writable reports why this process cannot make cgroups, or nil. It makes none.
func (h Hierarchy) Writable() error {
	dir := filepath.Join(h.memoryRoot(), h.Owned)
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "write to", Path: dir, Err: err}
	}
	return nil
}
