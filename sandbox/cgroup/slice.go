// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path/filepath"

	"drydock/sandbox"
)

// TakeParent is CreateParent where systemd has made the group, a slice with
// the limits as properties: else the next daemon-reload would take them back.
// They are written once more, so that one which systemd did not set is an
// error, and with them what systemd has no property for and leaves alone:
// memory.oom.group and huge pages.
func (h Hierarchy) TakeParent(name string, l sandbox.Limits) (*Group, error) {
	above := h
	above.Owned = filepath.Join(h.Base, name)
	above.passHugetlb()
	g := h.Parent(name)
	if err := g.writeUnified(l); err != nil {
		return nil, err
	}
	return g, g.forbidHugePages()
}
