// SPDX-License-Identifier: Apache-2.0

package devicecheck

import (
	"fmt"
	"slices"
	"strings"

	"drydock/resources"
)

// amd looks for the driver's door, and whether it opens for whoever asks.
func (m Machine) amd() []Finding {
	if !m.there("/dev/kfd") {
		return []Finding{{"amd-driver", Problem, "/dev/kfd does not exist: the amdgpu driver is not loaded, or was built without compute (KFD)",
			"sudo modprobe amdgpu; install AMD's driver (amdgpu-dkms) where the kernel's own lacks it"}}
	}
	all := []Finding{{Name: "amd-driver", State: OK, Why: "amdgpu with compute, /dev/kfd is there"}}
	if len(m.Inventory.Of(resources.ClassAMD)) == 0 {
		return append(all, Finding{Name: "amd-devices", State: Warning, Why: "an AMD GPU is on the bus, and the driver lists none that computes",
			Fix: "see sudo dmesg | grep amdgpu"})
	}
	var closed []string
	for _, d := range m.Inventory.Of(resources.ClassAMD) {
		for _, gid := range d.Groups {
			if text := fmt.Sprint(gid); m.UID != 0 && !slices.Contains(m.Groups, gid) && !slices.Contains(closed, text) {
				closed = append(closed, text)
			}
		}
	}
	f := Finding{Name: "render-group", State: OK, Why: "the device nodes are open to whoever runs drydock"}
	if len(closed) > 0 {
		f = Finding{"render-group", Problem, fmt.Sprintf("uid %d is not in the groups of the device nodes (gid %s)", m.UID, strings.Join(closed, ", ")),
			"sudo usermod -aG render,video $USER, and log in again; or run drydock as root"}
	}
	return append(all, f)
}
