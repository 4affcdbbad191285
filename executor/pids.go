// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"drydock/resources"
	"drydock/sandbox/limits"
)

// Processes and threads. On a cluster a node's kubelet limits them for each pod
// (podPidsLimit), and a scheduler does not count them. Here a profile that names
// podPidsLimit has its tasks counted by it, because many of them on one
// workstation run into the machine's own limit; without it none is counted.

// pidsReservePart of the machine's pids is kept for the system.
const pidsReservePart = 10

// pids are what the task takes of the capacity. It never takes more than there
// is: nobody wrote it for this task.
func (r *run) pids() int64 {
	asks := r.profile.Cgroup.PodPidsLimit
	if most := r.x.capacity.Pids; most > 0 {
		return min(asks, most)
	}
	return asks
}

// pidsLimit is the task's limit: the profile's, else drydock's own, and in no
// case more than the node has.
func (r *run) pidsLimit() int64 {
	limit := int64(limits.DefaultPids)
	if asked := r.profile.Cgroup.PodPidsLimit; asked > 0 {
		limit = asked
	}
	if most := r.x.capacity.Pids; most > 0 {
		return min(limit, most)
	}
	return limit
}

// pidsOf is the capacity's pids, with the machine's where the profile has tasks
// counted and nobody said how many there are.
func pidsOf(c Capacity, p *resources.Profile) (int64, error) {
	if c.Pids > 0 || p == nil || p.Cgroup.PodPidsLimit == 0 {
		return c.Pids, nil
	}
	most, err := hostPids()
	if err != nil {
		return 0, fmt.Errorf("find out how many processes this machine can have: %w; say so with --node pids=N", err)
	}
	return most - most/pidsReservePart, nil
}

// hostPids is how many processes and threads there can be on this machine: the
// smaller of kernel.pid_max and kernel.threads-max (proc(5)).
func hostPids() (int64, error) {
	var least int64
	for _, name := range []string{"pid_max", "threads-max"} {
		data, err := os.ReadFile("/proc/sys/kernel/" + name)
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil {
			return 0, err
		}
		if least == 0 || n < least {
			least = n
		}
	}
	return least, nil
}
