// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"path/filepath"
	"slices"

	"drydock/gpu"
)

// AMDUses says what some of AMD's devices are used for now. How busy one was
// is the card's word (gpu_busy_percent): partitions of a card share it.
func AMDUses(root string, ids []gpu.ID) []gpu.Use {
	devices := AMD(root).Devices
	uses := make([]gpu.Use, len(ids))
	for i, id := range ids {
		uses[i] = gpu.Use{ID: id, Problem: "the driver no longer shows it"}
		if at := slices.IndexFunc(devices, func(d gpu.Device) bool { return d.ID == id }); at >= 0 {
			d := devices[at]
			uses[i] = gpu.Use{ID: id, Memory: d.Memory, Used: d.Used, Processes: d.Processes, Busy: amdBusy(root, d)}
		}
	}
	return uses
}

func amdBusy(root string, d gpu.Device) *float64 {
	node := filepath.Base(d.Nodes[len(d.Nodes)-1])
	percent, ok := number(root, "sys/class/drm", node, "device/gpu_busy_percent")
	if !ok || percent < 0 || percent > 100 {
		return nil
	}
	busy := float64(percent) / 100
	return &busy
}
