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
	version int
	above   []ancestor
}

// ancestor is a group above, and where it stood at the start.
type ancestor struct {
	dir    string
	oom    int64 // v2: its own oom count
	wasMax bool  // v1: its peak stood at its limit already
}

// Ancestors notes where the groups above stand now.
func (g *Group) Ancestors() *Ancestors {
	a := &Ancestors{version: g.h.Version}
	root := filepath.Clean(g.h.memoryRoot())
	for dir := filepath.Dir(g.memoryDir()); len(dir) > len(root); dir = filepath.Dir(dir) {
		a.above = append(a.above, ancestor{dir: dir, oom: localOOM(dir), wasMax: atLimit(dir, "memory.max_usage_in_bytes")})
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

// atLimit reports whether a v1 group's usage or peak stands at its limit.
func atLimit(dir, file string) bool {
	limit, err := readInt(dir, "memory.limit_in_bytes")
	used, err2 := readInt(dir, file)
	return err == nil && err2 == nil && NearLimit(used, limit)
}

// Short reports whether a group above ran out: on v2 its oom moved since the
// start. v1 has no such counter: there it stands at its limit now, or has
// reached it since the start.
func (a *Ancestors) Short() bool {
	for _, up := range a.above {
		if a.version == 2 && localOOM(up.dir) > up.oom {
			return true
		}
		if a.version == 1 && (atLimit(up.dir, "memory.usage_in_bytes") || (!up.wasMax && atLimit(up.dir, "memory.max_usage_in_bytes"))) {
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
