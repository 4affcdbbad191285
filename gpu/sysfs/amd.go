// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"drydock/gpu"
	"drydock/resources"
)

const amdVendor = 0x1002

// AMDPrefix begins the IDs of AMD's devices.
const AMDPrefix = "amd-"

// amdTypes are types by PCI device id (ROCm/k8s-device-plugin
// cmd/k8s-node-labeller/amdgpu.ids; pci.ids). 740C is both MI250 and MI250X.
var amdTypes = map[int64]string{
	0x738c: "MI100", 0x738e: "MI100", 0x740f: "MI210", 0x7408: "MI250X", 0x740c: "MI250", 0x74a0: "MI300A",
	0x74a1: "MI300X", 0x74b5: "MI300X", 0x74a9: "MI300X", 0x74bd: "MI300X", 0x74a5: "MI325X", 0x74b9: "MI325X",
	0x75a0: "MI350X", 0x75b0: "MI350X", 0x75a3: "MI355X", 0x75b3: "MI355X",
}

const amdEither = 0x740c

// AMD lists GPUs as the KFD driver does, which alone decides what computes: a
// card with two dies is two, and a partition is one (ROCm/k8s-device-plugin
// internal/pkg/amdgpu/amdgpu.go).
func AMD(root string) gpu.Inventory {
	var inv gpu.Inventory
	base := filepath.Join(root, "sys/class/kfd/kfd/topology/nodes")
	for _, n := range numbered(base, "") {
		facts := properties(word(base, strconv.Itoa(n), "properties"))
		if facts["vendor_id"] != amdVendor || facts["simd_count"] == 0 || facts["drm_render_minor"] == 0 {
			continue // a CPU, or nothing to compute with
		}
		gpuID := word(base, strconv.Itoa(n), "gpu_id")
		if gpuID == "" || gpuID == "0" {
			continue // a device cgroup keeps it from us: its files are empty
		}
		inv.Devices = append(inv.Devices, amdDevice(root, len(inv.Devices), gpuID, facts))
	}
	return inv
}

func amdDevice(root string, index int, gpuID string, facts map[string]int64) gpu.Device {
	minor := facts["drm_render_minor"]
	drm := filepath.Join(root, fmt.Sprintf("sys/class/drm/renderD%d/device", minor))
	d := gpu.Device{
		// partitions share the unique_id, and old cards have none
		ID: gpu.ID(fmt.Sprintf(AMDPrefix+"%016x-%d", uint64(facts["unique_id"]), minor)), Class: resources.ClassAMD, Index: index,
		Name: word(drm, "product_name"), PCI: amdAddress(facts), PCIID: uint32(facts["device_id"])<<16 | amdVendor,
		Memory: bytesIn(drm, "mem_info_vram_total"), Used: bytesIn(drm, "mem_info_vram_used"),
		Nodes: []string{"/dev/kfd", fmt.Sprintf("/dev/dri/renderD%d", minor)},
	}
	d.Type, d.Rule, d.Also = amdType(facts["device_id"], d.Name)
	if d.Name == "" {
		d.Name = strings.TrimSpace("AMD " + d.Type)
	}
	if mode := word(drm, "current_compute_partition"); mode != "" {
		d.Partition = strings.TrimSuffix(mode+"/"+word(drm, "current_memory_partition"), "/")
	}
	d.Unusable, d.Groups = nodes(root, d.Nodes...)
	d.Processes = amdProcesses(root, gpuID)
	return d
}

// amdType asks the product's name only where the id leaves it open.
func amdType(id int64, product string) (typ, rule string, also []string) {
	typ = amdTypes[id]
	switch {
	case typ == "":
		return "", "", nil
	case id != amdEither:
		return typ, "PCI id", nil
	case strings.Contains(product, "MI250X"):
		return "MI250X", "product name", nil
	case strings.Contains(product, "MI250"):
		return "MI250", "product name", nil
	}
	return "MI250", "PCI id, which MI250X has too", []string{"MI250X"}
}

// amdAddress takes the PCI address out of KFD's location: bus, device, and
// function or partition.
func amdAddress(facts map[string]int64) string {
	at := facts["location_id"]
	return fmt.Sprintf("%04x:%02x:%02x.%d", facts["domain"], at>>8&0xff, at>>3&0x1f, at&7)
}

// amdProcesses lists who has memory of a GPU: /sys/class/kfd/kfd/proc/PID/vram_GPUID.
func amdProcesses(root, gpuID string) []gpu.Process {
	var all []gpu.Process
	base := filepath.Join(root, "sys/class/kfd/kfd/proc")
	for _, pid := range numbered(base, "") {
		if n, ok := number(base, strconv.Itoa(pid), "vram_"+gpuID); ok && n > 0 {
			all = append(all, gpu.Process{PID: pid, Kind: gpu.Compute, Memory: &n})
		}
	}
	return all
}

// properties reads lines of "key number". unique_id may need all 64 bits.
func properties(text string) map[string]int64 {
	facts := map[string]int64{}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 2 {
			if n, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				facts[fields[0]] = int64(n)
			}
		}
	}
	return facts
}
