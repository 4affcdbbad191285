// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// runtimeLeaf is what the native runtime's group is called below the owned one
// on v2.
const runtimeLeaf = "task"

// pageSize is the unit of the memory controller.
var pageSize = int64(os.Getpagesize())

// Group is a task's own cgroup. It is safe for concurrent use.
type Group struct {
	h    Hierarchy
	name string
	// leaf is the container's group below it; nil: it is the container's itself,
	// or the container's is not known yet.
	leaf atomic.Pointer[string]
	// foreign says that somebody else makes the container's group.
	foreign bool
	below   counted // what the container's group counted, should it go
}

// Create makes the group and, on v2, writes its limits. On v1 the runtime
// makes the directories when it starts the container; Create only checks that
// the name is free.
func (h Hierarchy) Create(name string, l sandbox.Limits) (*Group, error) {
	g := h.Group(name)
	if _, err := os.Stat(g.memoryDir()); err == nil {
		return nil, fmt.Errorf("cgroup %s: %w", g.memoryDir(), os.ErrExist)
	}
	if h.Version == 1 {
		return g, nil
	}
	if err := g.createUnified(l); err != nil {
		return nil, errors.Join(err, g.Remove())
	}
	return g, nil
}

// Group names an existing group; it need not exist.
func (h Hierarchy) Group(name string) *Group {
	g := &Group{h: h, name: name}
	if h.Version == 2 {
		leaf := runtimeLeaf
		g.leaf.Store(&leaf)
	}
	return g
}

// Path is the group, from the root of every hierarchy.
func (g *Group) Path() string { return "/" + g.h.Base + "/" + g.name }

// RuntimePath is the group that the runtime puts the container into, from
// the root of every hierarchy.
func (g *Group) RuntimePath() string {
	if leaf := g.leaf.Load(); leaf != nil {
		return g.Path() + "/" + *leaf
	}
	return g.Path()
}

// RuntimeMemory is the memory limit of the container's own group. Below an
// owned one it is a page more than the owner's, so that the kernel always charges an OOM to
// the owner, whose oom.group then counts (limits-and-oom §2.4).
func (g *Group) RuntimeMemory(limit int64) int64 {
	if limit == 0 || g.h.Version == 1 && !g.foreign {
		return limit
	}
	return limit + pageSize
}

// memoryDir is the directory of the limit's owner.
func (g *Group) memoryDir() string {
	return filepath.Join(g.h.memoryRoot(), g.h.Base, g.name)
}

// leafDir is the memory directory of the container itself.
func (g *Group) leafDir() string {
	return filepath.Join(g.h.memoryRoot(), g.RuntimePath())
}

// createUnified makes the owned parent on v2 with the limits that bind.
func (g *Group) createUnified(l sandbox.Limits) error {
	base := filepath.Join(g.h.Unified, g.h.Base)
	if err := os.Mkdir(base, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := os.Mkdir(g.memoryDir(), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Join(g.h.Unified, g.h.Owned), base, g.memoryDir()} {
		if err := enableControllers(dir); err != nil {
			return err
		}
	}
	return g.writeUnified(l)
}

// writeUnified writes the limits that bind.
func (g *Group) writeUnified(l sandbox.Limits) error {
	for _, f := range unifiedFiles(l) {
		err := writeFile(filepath.Join(g.memoryDir(), f.name), f.value)
		if errors.Is(err, os.ErrNotExist) && f.optional {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// controllersWanted are passed down where the machine has them.
var controllersWanted = []string{"memory", "pids", "cpu", "cpuset", "io", "hugetlb"}

// enableControllers hands the wanted controllers of dir on to its children.
func enableControllers(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	on, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, c := range controllersWanted {
		if !containsWord(have, c) || containsWord(on, c) {
			continue
		}
		if err := writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+"+c); err != nil && (c == "memory" || c == "pids") {
			return err
		}
	}
	return nil
}

func containsWord(text []byte, word string) bool {
	for _, f := range bytes.Fields(text) {
		if string(f) == word {
			return true
		}
	}
	return false
}

// controlFile is a cgroup file and what to write into it.
type controlFile struct {
	name, value string
	optional    bool // kernels without it can do without
}

// Weight is the cpu.weight of a task's own group. The pod's on a cluster
// follows the old, linear curve because the kubelet writes it itself
// (cluster-truth §5); this group stands where the pod's does.
func Weight(shares uint64) uint64 { return 1 + ((shares-2)*9999)/262142 }

// unifiedFiles are the owner's limits on v2.
func unifiedFiles(l sandbox.Limits) []controlFile {
	var files []controlFile
	if l.Memory > 0 {
		files = append(files,
			controlFile{name: "memory.max", value: strconv.FormatInt(l.Memory, 10)},
			controlFile{name: "memory.swap.max", value: "0", optional: true})
	}
	if l.GroupKill {
		files = append(files, controlFile{name: "memory.oom.group", value: "1"})
	}
	if l.CPUShares > 0 {
		files = append(files, controlFile{name: "cpu.weight", value: strconv.FormatUint(Weight(l.CPUShares), 10), optional: true})
	}
	if l.CPUQuota > 0 {
		files = append(files, controlFile{name: "cpu.max", value: fmt.Sprintf("%d %d", l.CPUQuota, l.CPUPeriod), optional: true})
	}
	if l.Pids > 0 {
		files = append(files, controlFile{name: "pids.max", value: strconv.FormatInt(l.Pids, 10), optional: true})
	}
	return files
}

// writeFile writes a control file in one write and reports the kernel's answer.
func writeFile(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Procs lists the processes of the group by host pid.
func (g *Group) Procs() []int {
	return readProcs(filepath.Join(g.leafDir(), "cgroup.procs"))
}

func readProcs(path string) []int {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Kill ends every process in the group and below, in all hierarchies, and
// returns how many there were. Of a CreateParent's whose container is known it
// is those of the container: the engine may have a process of its own there.
func (g *Group) Kill() int {
	path := g.Path()
	if g.foreign {
		path = g.RuntimePath()
	}
	if dir := filepath.Join(g.h.memoryRoot(), path); g.h.Version == 2 && writeFile(filepath.Join(dir, "cgroup.kill"), "1") == nil {
		return len(allProcs(dir))
	}
	killed := map[int]bool{}
	for _, root := range g.h.roots() {
		for _, pid := range allProcs(filepath.Join(root, path)) {
			if !killed[pid] && unix.Kill(pid, unix.SIGKILL) == nil {
				killed[pid] = true
			}
		}
	}
	return len(killed)
}

// allProcs lists the processes of a group and all groups below it.
func allProcs(dir string) []int {
	var pids []int
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			pids = append(pids, readProcs(filepath.Join(path, "cgroup.procs"))...)
		}
		return nil
	})
	return pids
}

// removePatience is how long Remove waits for dying processes to leave.
const removePatience = 5 * time.Second

// Remove deletes the group and all below it in every hierarchy. A group that
// is not there is fine.
func (g *Group) Remove() error {
	var errs []error
	for _, root := range g.h.roots() {
		errs = append(errs, removeTree(filepath.Join(root, g.h.Base, g.name)))
	}
	return errors.Join(errs...)
}

// removeTree removes a group bottom-up. EBUSY means that a killed process has
// not quite gone: wait a little longer each time.
func removeTree(dir string) error {
	deadline := time.Now().Add(removePatience)
	for pause := time.Millisecond; ; pause *= 2 {
		err := removeOnce(dir)
		if err == nil || !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(min(pause, 100*time.Millisecond))
	}
}

func removeOnce(dir string) error {
	err := unix.Rmdir(dir)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	entries, readErr := os.ReadDir(dir)
	if readErr != nil {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeOnce(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// Names lists the groups that stand under Base in any hierarchy.
func (h Hierarchy) Names() []string {
	seen := map[string]bool{}
	var names []string
	for _, root := range h.roots() {
		entries, err := os.ReadDir(filepath.Join(root, h.Base))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() && !seen[e.Name()] {
				seen[e.Name()] = true
				names = append(names, e.Name())
			}
		}
	}
	return names
}
