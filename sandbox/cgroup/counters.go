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
	return parseKeyed(string(data))["oom_kill"], nil
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

// Ancestors watches the groups above the limit's owner, whose shortage can
// kill a task that is within its own limit (rows 6 and 7 of the table).
type Ancestors struct {
	g    *Group
	dirs []string
	oom  []int64
}

// Ancestors notes where the groups above stand now.
func (g *Group) Ancestors() *Ancestors {
	a := &Ancestors{g: g}
	root := filepath.Clean(g.h.memoryRoot())
	for dir := filepath.Dir(g.memoryDir()); len(dir) > len(root); dir = filepath.Dir(dir) {
		a.dirs = append(a.dirs, dir)
		a.oom = append(a.oom, localOOM(dir))
	}
	return a
}

// localOOM is a v2 group's own oom count, not its descendants'.
func localOOM(dir string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, "memory.events.local"))
	if err != nil {
		return 0
	}
	return parseKeyed(string(data))["oom"]
}

// Short reports whether a group above ran out: on v2 its oom moved since the
// start; on v1, which has no such counter, it stands at its limit right now.
func (a *Ancestors) Short() bool {
	for i, dir := range a.dirs {
		if a.g.h.Version == 2 {
			if localOOM(dir) > a.oom[i] {
				return true
			}
			continue
		}
		limit, err := readInt(dir, "memory.limit_in_bytes")
		usage, err2 := readInt(dir, "memory.usage_in_bytes")
		if err == nil && err2 == nil && NearLimit(usage, limit) {
			return true
		}
	}
	return false
}

// chargeBatch is how many pages the kernel charges ahead per CPU
// (MEMCG_CHARGE_BATCH, include/linux/memcontrol.h).
const chargeBatch = 64

// NearLimit reports whether usage came within one charge batch of limit.
func NearLimit(usage, limit int64) bool {
	return limit > 0 && usage >= limit-chargeBatch*pageSize
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
