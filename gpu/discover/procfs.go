// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drydock/gpu"
	"drydock/resources"
)

// procfs lists whole GPUs as the kernel module names them, as Slurm's
// AutoDetect=nvidia does. It sees no MIG devices, no memory and no use.
func procfs(root string) gpu.Inventory {
	var inv gpu.Inventory
	base := filepath.Join(root, "proc/driver/nvidia")
	entries, err := os.ReadDir(filepath.Join(base, "gpus"))
	if err != nil {
		return inv
	}
	for _, e := range entries {
		facts := keyed(word(base, "gpus", e.Name(), "information"))
		d := gpu.Device{Class: resources.ClassGPU, Index: len(inv.Devices), ID: gpu.ID(facts["GPU UUID"]), Name: facts["Model"], PCI: e.Name()}
		if !strings.HasPrefix(string(d.ID), "GPU-") || strings.Contains(string(d.ID), "?") { // of a GPU that nobody has opened yet
			d.ID = gpu.ID("GPU-unreadable-" + e.Name())
			d.Health = "the driver does not tell its UUID"
		}
		if minor := facts["Device Minor"]; minor != "" {
			d.Nodes = []string{"/dev/nvidia" + minor}
			if parts, _ := filepath.Glob(filepath.Join(base, "capabilities/gpu"+minor, "mig/gi*")); len(parts) > 0 {
				d.Unusable = "it is in MIG mode, and only the NVIDIA library tells its MIG devices"
			}
		}
		d.Type, d.Rule = gpu.TypeOf(d.Name, 0, nil)
		d.Virtual = gpu.IsVirtual(d.Name)
		inv.Devices = append(inv.Devices, d)
	}
	if len(inv.Devices) > 0 {
		inv.Driver = &gpu.Driver{Version: moduleVersion(word(base, "version")), Source: "procfs"}
	}
	return inv
}

// keyed reads lines of "Key: value".
func keyed(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			facts[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return facts
}

// moduleVersion finds the version in "NVRM version: NVIDIA UNIX Open Kernel
// Module for x86_64  580.159.04  Release Build …".
func moduleVersion(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	i := slices.IndexFunc(fields, func(f string) bool { return strings.Count(f, ".") >= 1 && f[0] >= '0' && f[0] <= '9' })
	if i < 0 {
		return ""
	}
	return fields[i]
}
