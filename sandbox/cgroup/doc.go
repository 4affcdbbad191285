// SPDX-License-Identifier: Apache-2.0

// Package cgroup owns a task's control groups and reads them.
//
// A task gets a group of its own, drydock/<name>. On cgroup v2 that group is
// the parent of the container's: it carries memory.max, no swap and
// memory.oom.group, so that the whole task dies together and the counters can
// be read although the container's own group may be gone already. On v1,
// where counters are not hierarchical and there is no group kill, the group
// is the container's itself.
//
// Statistics and events come from github.com/containerd/cgroups/v3, which no
// other package imports; the few files that are read many times a second are
// read here through descriptors that stay open.
//
// Begin with Detect, then Hierarchy.Create.
package cgroup
