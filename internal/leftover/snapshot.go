// SPDX-License-Identifier: Apache-2.0

// Package leftover finds what a run left behind on the machine: processes
// (whoever their parent is), cgroups in every hierarchy, mounts, and System V
// objects.
//
// Call BecomeSubreaper once, Take before a run, and Since after it:
//
//	before := leftover.Take()
//	…
//	for _, item := range before.Since(2 * time.Second) { t.Error(item) }
//
// Other programs on the machine make cgroups too, so an item counts only if
// it is still there after the time to settle, and a populated cgroup only if
// one of its processes descends from this one or carries the mark.
package leftover

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// MarkVariable is an environment variable by which processes of a run are
// found even if they escaped the process tree.
const MarkVariable = "DRYDOCK_E2E_MARK"

// Snapshot is what exists at one moment.
type Snapshot struct {
	processes map[process]string // descendants of this process and marked ones
	cgroups   map[string]string
	mounts    map[string]string
	ipc       map[string]string
}

// Item is one thing left behind.
type Item struct {
	Kind string // "process", "cgroup", "mount", "System V object"
	Name string
	pid  int
}

func (i Item) String() string { return fmt.Sprintf("left behind: %s %s", i.Kind, i.Name) }

// BecomeSubreaper makes orphaned descendants children of this process, so
// that none can hide below PID 1.
func BecomeSubreaper() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// Take looks at the machine.
func Take() Snapshot {
	return Snapshot{processes: processes(), cgroups: cgroups(), mounts: mounts(), ipc: ipc()}
}

// Since lists what is new, after waiting at most settle for it to go.
func (s Snapshot) Since(settle time.Duration) []Item {
	deadline := time.Now().Add(settle)
	for {
		items := s.diff(Take())
		if len(items) == 0 || time.Now().After(deadline) {
			return items
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s Snapshot) diff(now Snapshot) []Item {
	var items []Item
	for p, name := range now.processes {
		if _, known := s.processes[p]; !known {
			items = append(items, Item{"process", name, p.pid})
		}
	}
	items = append(items, fresh("cgroup", s.cgroups, now.cgroups)...)
	items = append(items, fresh("mount", s.mounts, now.mounts)...)
	items = append(items, fresh("System V object", s.ipc, now.ipc)...)
	slices.SortFunc(items, func(a, b Item) int { return compare(a.String(), b.String()) })
	return slices.DeleteFunc(items, func(i Item) bool { return i.Kind == "cgroup" && foreign(i.Name, now) })
}

func fresh(kind string, before, now map[string]string) []Item {
	var items []Item
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, known := before[key]; !known {
			items = append(items, Item{Kind: kind, Name: now[key]})
		}
	}
	return items
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Kill clears away what can be: it ends the processes among items, reaps those
// that are children of this process, and removes empty cgroups, so that one
// failure neither spoils nor hides the next.
func Kill(items []Item) {
	if len(items) == 0 {
		return
	}
	for _, i := range items {
		if i.pid > 1 {
			_ = unix.Kill(i.pid, unix.SIGKILL)
		}
	}
	time.Sleep(50 * time.Millisecond)
	processes()                                // reaps
	for _, i := range slices.Backward(items) { // the inner ones sort last
		if i.Kind == "cgroup" {
			_ = unix.Rmdir(i.Name)
		}
	}
}
