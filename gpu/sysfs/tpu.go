// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"fmt"

	"drydock/gpu"
	"drydock/resources"
)

const googleVendor = 0x1ae0

// tpuTypes are types by PCI device id (AI-Hypercomputer/cloud-accelerator-
// diagnostics tpu_info/tpu_info/device.py). Google's network and storage
// functions have the same vendor.
var tpuTypes = map[int64]struct{ typ, name string }{
	0x0063: {"V5E", "TPU v5e"}, 0x0062: {"V5P", "TPU v5p"}, 0x006f: {"V6E", "TPU v6e"}, 0x005e: {"", "TPU v4"},
}

// TPU lists chips by what is on the PCI bus: /dev/vfio also has what is kept
// for virtual machines, and its numbers are groups of the IOMMU, not chips.
func TPU(root string) gpu.Inventory {
	var inv gpu.Inventory
	for _, f := range PCI(root) {
		chip, ok := tpuTypes[f.Device]
		if f.Vendor != googleVendor || !ok {
			continue
		}
		n := len(inv.Devices)
		d := gpu.Device{ID: gpu.ID("tpu-" + f.Address), Class: resources.ClassTPU, Index: n, Name: "Google " + chip.name,
			Type: chip.typ, Rule: "PCI id", PCI: f.Address, PCIID: uint32(f.Device)<<16 | googleVendor}
		switch {
		case chip.typ == "": // v4 and older have nodes of their own
			d.Nodes, d.Rule = []string{fmt.Sprintf("/dev/accel%d", n)}, ""
		case f.Group == "":
			d.Unusable = "it is in no IOMMU group, so that no node in /dev/vfio is its own"
		default:
			d.Nodes = []string{"/dev/vfio/" + f.Group, "/dev/vfio/vfio"}
		}
		if len(d.Nodes) > 0 {
			d.Unusable, d.Groups = nodes(root, d.Nodes...)
		}
		inv.Devices = append(inv.Devices, d)
	}
	return inv
}
