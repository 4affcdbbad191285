// SPDX-License-Identifier: Apache-2.0

package leftover

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const cgroupRoot = "/sys/fs/cgroup"

// cgroups are the directories of every mounted hierarchy.
func cgroups() map[string]string {
	found := map[string]string{}
	_ = filepath.WalkDir(cgroupRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went while we looked
		}
		if entry.IsDir() {
			found[path] = path
		}
		return nil
	})
	return found
}

// foreign says that the cgroup, or one below it, holds processes and none of
// them is ours: it belongs to somebody else's work on this machine. A group of
// an attempt that just begins or ends is empty; those of one lease directory
// (package client, GroupBase) belong together.
func foreign(path string, now Snapshot) bool {
	if base := filepath.Dir(path); strings.HasPrefix(filepath.Base(base), "drydock-") {
		path = base
	}
	ours := map[int]bool{}
	for p := range now.processes {
		ours[p.pid] = true
	}
	others, mine := 0, 0
	_ = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil
		}
		for _, line := range lines(file) {
			pid, err := strconv.Atoi(line)
			switch {
			case err != nil:
			case ours[pid]:
				mine++
			default:
				others++
			}
		}
		return nil
	})
	return others > 0 && mine == 0
}

// mounts are the mounts of this mount namespace.
func mounts() map[string]string {
	found := map[string]string{}
	for _, line := range lines("/proc/self/mountinfo") {
		fields := strings.Fields(line)
		if len(fields) > 5 {
			found[fields[0]+" "+fields[4]] = fields[4] + " (" + fields[len(fields)-3] + ")"
		}
	}
	return found
}

// ipc are the System V shared memory segments, semaphores and queues.
func ipc() map[string]string {
	found := map[string]string{}
	for _, kind := range []string{"shm", "sem", "msg"} {
		rows := lines("/proc/sysvipc/" + kind)
		for _, line := range rows[min(1, len(rows)):] {
			if fields := strings.Fields(line); len(fields) > 1 {
				name := kind + " id " + fields[1]
				found[name] = name
			}
		}
	}
	return found
}

func lines(path string) []string {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(content), "\n"), "\n")
}
