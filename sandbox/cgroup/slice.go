// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path/filepath"

	"drydock/sandbox"
)

// TakeParent is CreateParent where systemd has made the group, a slice with
// the limits as properties: else the next daemon-reload would take them back.
// They are written once more, so that one which systemd did not set is an
// error, and with them what it has no property for: memory.oom.group, which
// FindLeaf keeps, and huge pages, which it leaves alone.
func (h Hierarchy) TakeParent(name string, l sandbox.Limits) (*Group, error) {
	above := h
	above.Owned = filepath.Join(h.Base, name)
	above.passHugetlb()
	g := h.Parent(name)
	g.together = l.GroupKill
	if err := g.writeUnified(l); err != nil {
		return nil, err
	}
	return g, g.forbidHugePages()
}

// keepTogether writes memory.oom.group again where systemd has. It sets all
// attributes of a slice anew when the first unit in it starts, before that
// unit has a group, and this one to 0: only a service's or a scope's OOMPolicy
// makes it 1 (systemd's src/core/cgroup.c). The container's own scope gets it
// too: either will do, and systemd has less reason to come back to that one.
func (g *Group) keepTogether() {
	if !g.together {
		return
	}
	for _, dir := range []string{g.memoryDir(), g.leafDir()} {
		if n, err := readInt(dir, "memory.oom.group"); err == nil && n != 1 {
			_ = writeFile(filepath.Join(dir, "memory.oom.group"), "1") // GroupState tells
		}
	}
}
