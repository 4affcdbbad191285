// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"drydock/gpu"
	"drydock/resources"
)

// wslNode is the one way to all GPUs under WSL2 (NVIDIA's guide "CUDA on WSL";
// nvidia-container-toolkit pkg/nvcdi/driver-wsl.go).
const wslNode = "/dev/dxg"

func platformOf(root string) gpu.Platform {
	there := func(path string) bool {
		_, err := os.Stat(filepath.Join(root, path))
		return err == nil
	}
	compatible, _ := os.ReadFile(filepath.Join(root, "proc/device-tree/compatible")) // there only on such boards
	switch {
	case there(wslNode):
		return gpu.WSL2
	case there("etc/nv_tegra_release"), bytes.Contains(compatible, []byte("nvidia,tegra")):
		return gpu.Tegra
	}
	return ""
}

// onPlatform makes of what NVIDIA's library says what it means on a machine
// that has no device node for each GPU.
func onPlatform(root string, inv gpu.Inventory) gpu.Inventory {
	inv.Platform = platformOf(root)
	switch inv.Platform {
	case gpu.WSL2:
		behindOneDoor(&inv)
	case gpu.Tegra:
		inProcessor(root, &inv)
	}
	return inv
}

// behindOneDoor gives all GPUs at a time, or none: who may open the node has
// all of them. The first stands for them, so that one task at a time has it.
func behindOneDoor(inv *gpu.Inventory) {
	for i := range inv.Devices {
		d := &inv.Devices[i]
		d.Nodes, d.MIG = []string{wslNode}, nil
		if i > 0 && d.Unusable == "" {
			d.Unusable = "under WSL2 a task has all GPUs or none, and is given them as the first"
		}
	}
	if len(inv.Devices) > 0 {
		inv.Problems = append(inv.Problems, gpu.Problem{Class: resources.ClassGPU,
			Text: "WSL2 keeps GPUs apart by nothing but CUDA_VISIBLE_DEVICES: a task with a GPU could use all of them through " + wslNode})
	}
}

// inProcessor lists a Jetson's GPU, also where no library tells of it, for
// people to see. Its programs need dozens of nodes and files that only
// NVIDIA's runtime knows (the toolkit's CSV mode).
func inProcessor(root string, inv *gpu.Inventory) {
	if len(inv.Devices) == 0 {
		model, _ := os.ReadFile(filepath.Join(root, "proc/device-tree/model"))
		inv.Devices = []gpu.Device{{ID: "tegra-0", Class: resources.ClassGPU, Name: strings.TrimRight(string(model), "\x00\n")}}
		inv.Problems = nil // a library is not to be expected
	}
	for i := range inv.Devices {
		d := &inv.Devices[i]
		d.Type, d.Rule, d.Unified = "", "the GPU of a Jetson has no type", true
		if d.Memory == nil {
			d.Memory = MachineMemory(root)
		}
		d.Unusable = "a Jetson's GPU is only handed out by NVIDIA's container runtime (CSV mode), which drydock does not drive"
	}
}
