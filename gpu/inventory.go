// SPDX-License-Identifier: Apache-2.0

package gpu

import "drydock/resources"

// ID names a device for good: an NVIDIA UUID ("GPU-…", "MIG-…"), or what
// stands for one with other vendors ("amd-UNIQUE-MINOR", "neuron-4").
type ID string

// Inventory is what a machine has, at one moment. The zero value has nothing.
type Inventory struct {
	Driver   *Driver   `json:"driver,omitempty"` // NVIDIA's; nil: not known
	Platform Platform  `json:"platform,omitempty"`
	Devices  []Device  `json:"devices"` // in the vendors' order, one class after the other
	Problems []Problem `json:"problems,omitempty"`
}

// Platform is a machine whose NVIDIA GPUs are reached in a way of its own; ""
// is the ordinary one, with a device node for each.
type Platform string

// The platforms.
const (
	WSL2  Platform = "wsl2"  // all GPUs behind /dev/dxg
	Tegra Platform = "tegra" // a Jetson, with the GPU in the processor
)

// Driver is the NVIDIA driver. An empty part is not known.
type Driver struct {
	Version string `json:"version,omitempty"` // "580.159.04"
	CUDA    string `json:"cuda,omitempty"`    // the newest that it serves, "13.0"
	Source  string `json:"source"`            // "nvml", "nvidia-smi" or "procfs": who told
}

// Problem is why something is missing from the list, or not known. Fatal
// ones are why there is no device of the class at all.
type Problem struct {
	Class  resources.DeviceClass `json:"class"`
	Text   string                `json:"text"`             // one sentence, as in "no NVIDIA GPU available: …"
	Remedy string                `json:"remedy,omitempty"` // what to do
	Fatal  bool                  `json:"fatal,omitempty"`
}

// Device is one accelerator: a GPU, or the chip or die that its vendor's
// Kubernetes plugin counts. Pointers are nil for what is not known.
type Device struct {
	ID        ID                    `json:"id"`
	Class     resources.DeviceClass `json:"class"`
	Index     int                   `json:"index"`            // in the vendor's order; for display
	Name      string                `json:"name,omitempty"`   // the product, as read
	Type      string                `json:"type,omitempty"`   // the SDK's name, such as "A100_80G"; "": it has none
	Rule      string                `json:"rule,omitempty"`   // what Type was told by
	Also      []string              `json:"also,omitempty"`   // further types that it may be: nothing tells them apart
	PCI       string                `json:"pci,omitempty"`    // address, as sysfs writes it: "0000:00:06.0"
	PCIID     uint32                `json:"pci_id,omitempty"` // device<<16 | vendor
	Memory    *int64                `json:"memory,omitempty"`
	Used      *int64                `json:"used,omitempty"`      // bytes, without what the driver keeps for itself
	Unified   bool                  `json:"unified,omitempty"`   // Memory is the machine's own
	Virtual   bool                  `json:"virtual,omitempty"`   // a vGPU
	Pretended bool                  `json:"pretended,omitempty"` // it is not there: see Pretend
	Display   bool                  `json:"display,omitempty"`   // a screen is driven with it
	Health    string                `json:"health,omitempty"`    // "": well; else what is wrong, "XID 79"
	Unusable  string                `json:"unusable,omitempty"`  // why nobody may use it, "compute mode PROHIBITED"
	Exclusive bool                  `json:"exclusive,omitempty"`
	Processes []Process             `json:"processes,omitempty"`
	// Fabric is how far a GPU between NVSwitches has come to use them: "completed",
	// or what is in the way; "" where there are none, or the driver does not tell.
	Fabric    string   `json:"fabric,omitempty"`
	MIG       *MIG     `json:"mig,omitempty"`       // nil: the GPU cannot be partitioned
	Partition string   `json:"partition,omitempty"` // AMD's mode, "CPX/NPS4"; "": whole, or not known
	Nodes     []string `json:"nodes,omitempty"`     // device nodes that a task needs
	Groups    []int    `json:"groups,omitempty"`    // gids of nodes that are not for everybody
	// Links are scores of the ways to other devices, by their ID: how close,
	// and +100 for each NVLink (see Linked).
	Links map[ID]int `json:"links,omitempty"`
}

// MIG is the state of a GPU that can be partitioned.
type MIG struct {
	Enabled bool   `json:"enabled"`
	Pending bool   `json:"pending,omitempty"` // a change waits for a reset of the GPU
	Parts   []Part `json:"parts,omitempty"`
}

// Part is one MIG device: a compute instance of a GPU instance.
type Part struct {
	ID        ID        `json:"id"`
	Profile   string    `json:"profile"` // "1g.10gb", as the SDK writes it; "" could not be told
	Raw       string    `json:"raw,omitempty"`
	GI        int       `json:"gi"`
	CI        int       `json:"ci"`
	Memory    *int64    `json:"memory,omitempty"`
	Processes []Process `json:"processes,omitempty"`
	Nodes     []string  `json:"nodes,omitempty"`
}

// Kind is how a process uses a device.
type Kind string

// Kinds of use. Display is drawing: a desktop, a browser.
const (
	Compute Kind = "compute"
	Display Kind = "display"
)

// Process is who uses a device.
type Process struct {
	PID    int    `json:"pid"`
	Kind   Kind   `json:"kind"`
	Memory *int64 `json:"memory,omitempty"` // bytes of the device's
	UID    *int   `json:"uid,omitempty"`    // nil: not to be seen from here
	Name   string `json:"name,omitempty"`
	Task   string `json:"task,omitempty"` // of drydock, that it belongs to; "": a stranger
}

// Scores of the way between two devices, as NVIDIA's go-gpuallocator gives
// them (internal/links/device.go): how far up their common ancestor is.
const (
	LinkSystem   = 10 // across sockets
	LinkNode     = 20 // the same NUMA node
	LinkHost     = 30 // the same host bridge
	LinkMultiple = 40 // several switches
	LinkSingle   = 50 // one switch
	LinkBoard    = 60 // the same board
	LinkNVLink   = 100
)

// Linked is the score of the way between two devices, as both tell it: a
// link that one of them does not know of counts as the other says.
func Linked(a, b Device) int { return max(a.Links[b.ID], b.Links[a.ID]) }

// Of are the devices of a class.
func (inv Inventory) Of(class resources.DeviceClass) []Device {
	var of []Device
	for _, d := range inv.Devices {
		if d.Class == class {
			of = append(of, d)
		}
	}
	return of
}

// IDs are the names that the device and its parts can be leased by.
func (d Device) IDs() []ID {
	ids := []ID{d.ID}
	if d.MIG != nil {
		for _, p := range d.MIG.Parts {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// Partitioned reports whether the GPU is in MIG mode, so that it cannot be
// had whole.
func (d Device) Partitioned() bool { return d.MIG != nil && d.MIG.Enabled }
