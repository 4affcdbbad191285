// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"os"
	"path/filepath"
)

// Function is one function on the PCI bus.
type Function struct {
	Address        string // 0000:00:06.0
	Vendor, Device int64
	SubDevice      int64
	Class          int64  // 24 bits: base, sub, interface
	Driver         string // that is bound; "" is none
	Group          string // of the IOMMU; "" is none
	NUMA           int64  // -1: not known
}

// PCI lists the bus by address.
func PCI(root string) []Function {
	base := filepath.Join(root, "sys/bus/pci/devices")
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil
	}
	var all []Function
	for _, e := range entries {
		f := Function{Address: e.Name(), NUMA: -1}
		dir := filepath.Join(base, e.Name())
		f.Vendor, _ = number(dir, "vendor")
		f.Device, _ = number(dir, "device")
		f.SubDevice, _ = number(dir, "subsystem_device")
		f.Class, _ = number(dir, "class")
		f.Driver, f.Group = linked(dir, "driver"), linked(dir, "iommu_group")
		if n, ok := number(dir, "numa_node"); ok {
			f.NUMA = n
		}
		all = append(all, f)
	}
	return all
}
