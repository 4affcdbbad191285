// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"drydock/gpu"
)

// owners tells whose the processes on the devices are.
func owners(root string, devices []gpu.Device) {
	for i := range devices {
		d := &devices[i]
		for j := range d.Processes {
			owner(root, &d.Processes[j])
		}
		if d.MIG == nil {
			continue
		}
		for _, part := range d.MIG.Parts {
			for j := range part.Processes {
				owner(root, &part.Processes[j])
			}
		}
	}
}

// attempt finds drydock's name for an attempt in a cgroup's path.
var attempt = regexp.MustCompile(`\b([0-9A-HJKMNP-TV-Z]{26})\.\d+\b`)

// owner fills in what /proc says of a process. One that is not there lives
// in another pid namespace, or is hidden: a stranger all the same.
func owner(root string, p *gpu.Process) {
	dir := filepath.Join(root, "proc", strconv.Itoa(p.PID))
	info, err := os.Stat(dir)
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		uid := int(stat.Uid)
		p.UID = &uid
	}
	p.Name = word(dir, "comm")
	if m := attempt.FindStringSubmatch(word(dir, "cgroup")); m != nil {
		p.Task = m[1]
	}
}
