// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"drydock/sandbox"
)

// Totals are a group's counters at the end.
type Totals struct {
	OOMKill, OOM, OOMGroupKill int64
	Max, High                  int64
	MemoryPeak                 int64
	CPUSeconds                 float64
	PidsPeak, PidsRefused      int64
	HugetlbRefused             int64
}

// Totals reads the counters of the limit's owner. Read them after the main
// process was reaped (the kernel counts before it kills) and before Remove.
func (g *Group) Totals() (Totals, error) {
	if g.h.Version == 1 {
		return g.totalsV1()
	}
	return g.totalsV2()
}

// OOMKills reads the one counter that decides; cheap enough for a loop.
func (g *Group) OOMKills() (int64, error) {
	name := "memory.events"
	if g.h.Version == 1 {
		name = "memory.oom_control"
	}
	data, err := os.ReadFile(filepath.Join(g.memoryDir(), name))
	if err != nil {
		return 0, err
	}
	return parseKeyed(string(data))["oom_kill"] + g.killsBelow(), nil
}

// killsBelow are the kills that the owner's counter leaves out. A kill is
// counted for the victim's group; that the limit was hit, for the owner's.
func (g *Group) killsBelow() (sum int64) {
	if g.foreign {
		g.remember() // systemd removes the container's group as soon as it is empty
	}
	if g.h.Version == 1 && g.foreign {
		return g.below.kills.Load()
	}
	if !g.h.LocalEvents {
		return 0
	}
	_ = filepath.WalkDir(g.memoryDir(), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != g.memoryDir() {
			data, _ := os.ReadFile(filepath.Join(path, "memory.events"))
			sum += parseKeyed(string(data))["oom_kill"]
		}
		return nil
	})
	return sum
}

// HostOOMKills is /proc/vmstat's oom_kill: kills by any OOM killer of this
// machine since it started.
func HostOOMKills() int64 {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	return parseKeyed(string(data))["oom_kill"]
}

// Limit reads the limit that binds now, in bytes; 0 is none. It differs from
// what was written when somebody changed it from outside.
func (g *Group) Limit() (int64, error) {
	name := "memory.max"
	if g.h.Version == 1 {
		name = "memory.limit_in_bytes"
	}
	return readInt(g.memoryDir(), name)
}

// GroupState says how the attempt's group kill is had.
func (g *Group) GroupState(wanted bool) sandbox.GroupKill {
	if !wanted {
		return sandbox.GroupNo
	}
	if g.h.Version == 2 {
		if n, err := readInt(g.memoryDir(), "memory.oom.group"); err == nil && n == 1 {
			return sandbox.GroupEnforced
		}
	}
	return sandbox.GroupEmulated
}

func describe(err error, what string) error { return fmt.Errorf("read %s: %w", what, err) }
