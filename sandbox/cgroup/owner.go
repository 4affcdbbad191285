// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// Where a container engine makes the container's group, drydock's is its
// parent on both versions, for the engine is only told where to put it.
//
// On v1 a parent's oom_kill does not count what dies below, and the engine
// removes the container's group as soon as it is empty. What that group counts
// is therefore remembered at every look; the parent adds what is hierarchical:
// the limit, the peak, the CPU time and the event of its own shortage.

// counted is what the container's group counted at the last look.
type counted struct{ kills, refused atomic.Int64 }

// CreateParent makes the group with the limits that bind, for a container that
// somebody else puts below it. The runtime makes what a v1 hierarchy other
// than memory's needs.
func (h Hierarchy) CreateParent(name string, l sandbox.Limits) (*Group, error) {
	g := h.Parent(name)
	if _, err := os.Stat(g.memoryDir()); err == nil {
		return nil, fmt.Errorf("cgroup %s: %w", g.memoryDir(), os.ErrExist)
	}
	create := g.createUnified
	if h.Version == 1 {
		create = g.createV1
	}
	err := create(l)
	if err == nil {
		err = g.forbidHugePages()
	}
	if err != nil {
		return nil, errors.Join(err, g.Remove())
	}
	return g, nil
}

// Parent names an existing group of CreateParent's; it need not exist.
func (h Hierarchy) Parent(name string) *Group { return &Group{h: h, name: name, foreign: true} }

// createV1 makes the limit's owner on v1. Memory and swap together get the
// same limit where the kernel accounts swap.
func (g *Group) createV1(l sandbox.Limits) error {
	base := filepath.Dir(g.memoryDir())
	for _, dir := range []string{base, g.memoryDir()} {
		if err := os.Mkdir(dir, 0o755); err != nil && (dir != base || !errors.Is(err, os.ErrExist)) {
			return err
		}
		// Before Linux 5.11 groups are hierarchical only if told so.
		_ = writeFile(filepath.Join(dir, "memory.use_hierarchy"), "1")
	}
	for _, controller := range []string{"cpuacct", "pids"} { // to be read from the start
		if root := g.h.Controllers[controller]; root != "" {
			if err := os.MkdirAll(filepath.Join(root, g.Path()), 0o755); err != nil {
				return err
			}
		}
	}
	if l.Memory <= 0 {
		return nil
	}
	limit := strconv.FormatInt(l.Memory, 10)
	if err := writeFile(filepath.Join(g.memoryDir(), "memory.limit_in_bytes"), limit); err != nil {
		return err
	}
	err := writeFile(filepath.Join(g.memoryDir(), "memory.memsw.limit_in_bytes"), limit)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// forbidHugePages gives no huge pages, as the kubelet does to a pod that asks
// for none: an engine has no word for it. Where there is no hugetlb controller
// there is nothing to write.
func (g *Group) forbidHugePages() error {
	root, files := g.h.Unified, []string{"hugetlb.*.max", "hugetlb.*.rsvd.max"}
	if g.h.Version == 1 {
		root, files = g.h.Controllers["hugetlb"], []string{"hugetlb.*.limit_in_bytes", "hugetlb.*.rsvd.limit_in_bytes"}
		if root == "" {
			return nil
		}
		if err := os.MkdirAll(filepath.Join(root, g.Path()), 0o755); err != nil {
			return err
		}
	}
	for _, pattern := range files {
		paths, _ := filepath.Glob(filepath.Join(root, g.Path(), pattern))
		for _, path := range paths {
			if err := writeFile(path, "0"); err != nil {
				return err
			}
		}
	}
	return nil
}

// FindLeaf looks for the container's group, by the container's id in its name
// (an engine puts "docker-", "libpod-" or nothing before it). It reports
// whether it is known.
func (g *Group) FindLeaf(id string) bool {
	if g.leaf.Load() != nil {
		return true
	}
	// A directory without others in it has two links. To list a group's files
	// each time would cost more than all the rest of a look-out.
	var st unix.Stat_t
	if unix.Stat(g.memoryDir(), &st) != nil || st.Nlink == 2 {
		return false
	}
	entries, _ := os.ReadDir(g.memoryDir())
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() && strings.Contains(name, id) && !strings.Contains(name, "conmon") { // Podman's own
			g.leaf.Store(&name)
			return true
		}
	}
	return false
}

// Holds reports whether a process is in the group or below it. Of one that is
// ending v1 does not tell any more: then known is false.
func (g *Group) Holds(pid int) (held, known bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false, false
	}
	controller := "memory"
	if g.h.Version == 2 {
		controller = ""
	}
	path, ok := ownPath(string(data), controller)
	return path == g.Path() || strings.HasPrefix(path, g.Path()+"/"), ok && path != "/"
}

// remember keeps what the container's group has counted.
func (g *Group) remember() {
	if g.leaf.Load() == nil {
		return
	}
	pids := g.leafDir()
	if g.h.Version == 1 {
		if data, err := os.ReadFile(filepath.Join(g.leafDir(), "memory.oom_control")); err == nil {
			keepMost(&g.below.kills, parseKeyed(string(data))["oom_kill"])
		}
		pids = filepath.Join(g.h.Controllers["pids"], g.RuntimePath())
	}
	if data, err := os.ReadFile(filepath.Join(pids, "pids.events")); err == nil {
		keepMost(&g.below.refused, parseKeyed(string(data))["max"])
	}
}

func keepMost(to *atomic.Int64, n int64) {
	if n > to.Load() {
		to.Store(n)
	}
}
