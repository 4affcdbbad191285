// SPDX-License-Identifier: Apache-2.0

package native

import (
	"drydock/sandbox/cgroup"
	"drydock/sandbox/supervise/client"
)

// detect reads the machine's cgroups, with the base of a lease directory.
func detect(leases client.Leases) (cgroup.Hierarchy, error) {
	h, err := cgroup.Detect()
	h.Base = leases.GroupBase()
	if systemdManages(h) {
		h = inScope(h)
	}
	return h, err
}
