// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
)

// Warm makes the next move of a process into a cgroup quick. The first such
// move on an idle machine waits about 10 ms for an RCU grace period
// (cgroup_threadgroup_rwsem, kernel/cgroup/cgroup.c), the ones shortly after
// do not. Moving this process to where it is already starts that wait while
// there is other work to do. Nothing depends on it, so errors are dropped.
func (h Hierarchy) Warm() {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return
	}
	controller, root := "memory", h.memoryRoot()
	if h.Version == 2 {
		controller = ""
	}
	if path, ok := ownPath(string(data), controller); ok {
		_ = writeFile(filepath.Join(root, path, "cgroup.procs"), "0") // 0: the writer
	}
}

// ownPath finds a hierarchy in /proc/PID/cgroup (cgroups(7)); v2's has no controller.
func ownPath(table, controller string) (string, bool) {
	for line := range strings.Lines(table) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for c := range strings.SplitSeq(fields[1], ",") {
			if c == controller {
				return fields[2], true
			}
		}
	}
	return "", false
}
