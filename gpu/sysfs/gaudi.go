// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"fmt"
	"path/filepath"

	"drydock/gpu"
	"drydock/resources"
)

const habanaVendor = 0x1da3

// Gaudi lists Habana's accelerators, of today's driver (/dev/accel) and of
// the older one (/dev/hl). /dev/accel is not theirs alone: laptops have neural
// processors there (linux drivers/accel).
func Gaudi(root string) gpu.Inventory {
	var inv gpu.Inventory
	for _, way := range []struct{ class, prefix, node, control string }{
		{"sys/class/accel", "accel", "/dev/accel/accel%d", "/dev/accel/accel_controlD%d"},
		{"sys/class/habanalabs", "hl", "/dev/hl%d", "/dev/hl_controlD%d"},
	} {
		base := filepath.Join(root, way.class)
		for _, n := range numbered(base, way.prefix) {
			dir := filepath.Join(base, fmt.Sprint(way.prefix, n), "device")
			if vendor, _ := number(dir, "vendor"); vendor != habanaVendor && linked(dir, "driver") != "habanalabs" {
				continue
			}
			d := gpu.Device{ID: gpu.ID(fmt.Sprintf("gaudi-%d", n)), Class: resources.ClassGaudi, Index: n,
				Name: "Habana " + word(dir, "device_type"), PCI: word(dir, "pci_addr"),
				Nodes: []string{fmt.Sprintf(way.node, n), fmt.Sprintf(way.control, n)}}
			if id := d.PCI; id != "" {
				d.ID = gpu.ID("gaudi-" + id)
			}
			d.Type, d.Rule = gaudiType(word(dir, "device_type"))
			if status := word(dir, "status"); status != "" && status != "Operational" {
				d.Health = "status " + status
			}
			d.Unusable, d.Groups = nodes(root, d.Nodes...)
			inv.Devices = append(inv.Devices, d)
		}
		if len(inv.Devices) > 0 {
			break
		}
	}
	return inv
}

// gaudiType goes by the driver's name for it (linux
// drivers/accel/habanalabs/common/sysfs.c). The SDK knows the first Gaudi alone.
func gaudiType(device string) (typ, rule string) {
	if device == "GAUDI" || device == "GAUDI SEC" {
		return "Gaudi1", "device type"
	}
	return "", ""
}
