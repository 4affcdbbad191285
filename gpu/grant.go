// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"slices"
	"strings"

	"drydock/resources"
)

// Granted is what a task gets with the devices that it was given.
type Granted struct {
	Class  resources.DeviceClass
	IDs    []ID
	Nodes  []string // device nodes, absolute; none of a device that is only pretended
	Groups []int    // gids of nodes that are not for everybody
	// Env are NAME=value for a task on the host's own root file system. In an
	// image NVIDIA's devices are numbered anew, and CUDA_VISIBLE_DEVICES must be
	// left out.
	Env       []string
	Pretended bool // the devices are not there: see Pretend
}

// controlNodes go with every NVIDIA device. The last is for debuggers.
var controlNodes = []string{"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"}

// IDsVariable names the variable that tells a task its devices: one MIG device
// to each of its processes, for one.
const IDsVariable = "DRYDOCK_ACCELERATORS"

// Grant says what goes with devices that were picked from the inventory.
func (inv Inventory) Grant(picked []Choice) Granted {
	var g Granted
	var devices []Device
	for _, c := range picked {
		g.IDs = append(g.IDs, c.ID)
		d, part, ok := inv.find(c.ID)
		if !ok {
			continue // Pick chooses of what is there
		}
		devices = append(devices, d)
		nodes := d.Nodes
		if part != nil {
			nodes = part.Nodes
		}
		g.Class, g.Pretended = d.Class, d.Pretended
		g.Nodes, g.Groups = append(g.Nodes, nodes...), append(g.Groups, d.Groups...)
	}
	if g.Class == resources.ClassGPU && !g.Pretended && inv.Platform == "" {
		g.Nodes = append(g.Nodes, controlNodes...)
	}
	g.Nodes, g.Groups = unique(g.Nodes), unique(g.Groups)
	if !g.Pretended {
		g.Env = append([]string{IDsVariable + "=" + joinIDs(g.IDs)}, inv.env(g, devices)...)
	}
	return g
}

// find is the device of an ID; part is not nil where it is a part of the device.
func (inv Inventory) find(id ID) (d Device, part *Part, ok bool) {
	for _, d := range inv.Devices {
		if d.ID == id {
			return d, nil, true
		}
		if d.MIG == nil {
			continue
		}
		for i := range d.MIG.Parts {
			if d.MIG.Parts[i].ID == id {
				return d, &d.MIG.Parts[i], true
			}
		}
	}
	return Device{}, nil, false
}

// env is what the vendors' programs go by. AMD's and Neuron's take what nodes
// there are; theirs would number them anew.
func (inv Inventory) env(g Granted, devices []Device) []string {
	switch g.Class {
	case resources.ClassGPU:
		// NVIDIA_VISIBLE_DEVICES is the container toolkit's: nothing is to be
		// added to what is here already.
		return []string{"CUDA_VISIBLE_DEVICES=" + joinIDs(g.IDs), "CUDA_DEVICE_ORDER=PCI_BUS_ID", "NVIDIA_VISIBLE_DEVICES=void"}
	case resources.ClassGaudi: // as HabanaAI/habanalabs-k8s-device-plugin server.go
		return []string{"HABANA_VISIBLE_DEVICES=" + indices(devices), "HL_VISIBLE_DEVICES=" + firstNodes(devices)}
	case resources.ClassTPU:
		return tpuEnv(devices, len(inv.Of(resources.ClassTPU)))
	}
	return nil
}

// tpuBounds are how so many chips stand (google/cloud TPU guide: part of a host).
var tpuBounds = map[int]string{1: "1,1,1", 2: "1,2,1", 4: "2,2,1"}

// tpuEnv tells libtpu which part of the host it has. Of the whole host it finds
// out by itself.
func tpuEnv(devices []Device, all int) []string {
	bounds, known := tpuBounds[len(devices)]
	if len(devices) == all || !known {
		return nil
	}
	return []string{"TPU_VISIBLE_CHIPS=" + indices(devices), "TPU_CHIPS_PER_PROCESS_BOUNDS=" + bounds, "TPU_PROCESS_BOUNDS=1,1,1"}
}

func joinIDs(all []ID) string {
	words := make([]string, len(all))
	for i, id := range all {
		words[i] = string(id)
	}
	return strings.Join(words, ",")
}

func indices(devices []Device) string {
	words := make([]string, len(devices))
	for i, d := range devices {
		words[i] = fmt.Sprint(d.Index)
	}
	return strings.Join(words, ",")
}

func firstNodes(devices []Device) string {
	var words []string
	for _, d := range devices {
		if len(d.Nodes) > 0 {
			words = append(words, d.Nodes[0])
		}
	}
	return strings.Join(words, ",")
}

// unique keeps the first of equals, in their order.
func unique[T comparable](all []T) []T {
	var some []T
	for _, v := range all {
		if !slices.Contains(some, v) {
			some = append(some, v)
		}
	}
	return some
}
