// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Keepers is the directory of the group for drydock's supervisors.
func (h Hierarchy) Keepers() string { return filepath.Join(h.Unified, h.Owned, keepers) }

// Occupied reports whether any process is in the delegated group or below it.
// An empty one may be about to be removed by whoever made it.
func (h Hierarchy) Occupied() bool {
	data, err := os.ReadFile(filepath.Join(h.Unified, h.Owned, "cgroup.events"))
	return err == nil && parseKeyed(string(data))["populated"] == 1
}

// Admit moves a process into the delegated group's keepers. The group must be
// occupied; it is settled before if nobody has done so.
func (h Hierarchy) Admit(pid int) error {
	if _, err := os.Stat(h.Keepers()); err != nil {
		h.passHugetlb()
		if err := h.Settle(); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(h.Keepers(), "cgroup.procs"), fmt.Sprint(pid))
}

// passHugetlb passes a controller down to the delegated group that systemd
// knows nothing of and therefore leaves as it is. Nobody depends on it: who
// needs it looks at what is there.
func (h Hierarchy) passHugetlb() {
	dir := h.Unified
	for part := range strings.SplitSeq(h.Owned, "/") {
		_ = writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+hugetlb")
		dir = filepath.Join(dir, part)
	}
}

// Vacate removes a delegated group that nobody is in any more, with all below.
// One that passes no controllers on stays: it was just made, and somebody is
// about to be moved into it.
func (h Hierarchy) Vacate() error {
	dir := filepath.Join(h.Unified, h.Owned)
	if passed, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control")); err == nil && len(bytes.TrimSpace(passed)) == 0 {
		return nil
	}
	err := removeOnce(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
