// SPDX-License-Identifier: Apache-2.0

package cgroup

import "os"

// Slice is systemd's group for all that drydock runs. It is the
// administrator's, for a budget such as a MemoryMax.
const Slice = "drydock.slice"

// ManagedBySystemd says whether the hierarchy is systemd's: one of v2 on a
// machine whose first process it is. It takes back what others change outside
// of what it has delegated.
func (h Hierarchy) ManagedBySystemd() bool {
	if h.Version != 2 {
		return false
	}
	// A container may show the host's /run/systemd (sd_booted(3)).
	_, err := os.Stat("/run/systemd/system")
	first, _ := os.ReadFile("/proc/1/comm")
	return err == nil && string(first) == "systemd\n"
}
