// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"strings"

	"drydock/gpu"
	"drydock/gpu/sysfs"
	"drydock/resources"
)

// unbound is the problem of NVIDIA GPUs that no NVIDIA driver serves; nil
// where there are none.
func unbound(root string) *gpu.Problem {
	var found []string
	driver := ""
	for _, f := range sysfs.PCI(root) {
		if f.Vendor != 0x10de || f.Class>>16 != 0x03 || f.Driver == "nvidia" {
			continue
		}
		found = append(found, fmt.Sprintf("%04x:%04x", f.Vendor, f.Device))
		if driver = f.Driver; driver == "" {
			driver = "none"
		}
	}
	if len(found) == 0 {
		return nil
	}
	noun := "GPU"
	if len(found) > 1 {
		noun = "GPUs"
	}
	remedy := "install NVIDIA's driver and reboot"
	if driver == "vfio-pci" {
		remedy = "it is kept for a virtual machine; give it back to the host"
	}
	is := map[bool]string{true: "it", false: "them"}[len(found) == 1]
	return &gpu.Problem{Class: resources.ClassGPU, Fatal: true, Remedy: remedy, Text: fmt.Sprintf(
		"%d NVIDIA %s on the PCI bus (%s) but no NVIDIA driver is bound to %s (driver: %s)", len(found), noun, strings.Join(found, ", "), is, driver)}
}
