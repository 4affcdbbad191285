// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"time"

	"drydock/gpu"
)

// File is the record's name in an attempt's directory.
const File = "gpu"

// version is the record's. A newer one is not read.
const version = 1

// Device is one of an attempt's. Sizes are bytes, and nil what is not known.
type Device struct {
	ID      gpu.ID `json:"id"`
	Parent  gpu.ID `json:"parent,omitempty"`  // the GPU that a MIG device is a part of
	Type    string `json:"type,omitempty"`    // the SDK's name
	Profile string `json:"profile,omitempty"` // of a MIG device
	Name    string `json:"name,omitempty"`    // the product
	Memory  *int64 `json:"memory,omitempty"`
	// Baseline is what was in use before the attempt began.
	Baseline *int64 `json:"baseline,omitempty"`
}

// Of are the devices of an inventory with some IDs; of one that is not in it
// only the ID is known.
func Of(inv gpu.Inventory, ids []gpu.ID) []Device {
	devices := make([]Device, len(ids))
	for i, id := range ids {
		devices[i] = of(inv, id)
	}
	return devices
}

func of(inv gpu.Inventory, id gpu.ID) Device {
	for _, d := range inv.Devices {
		if d.ID == id {
			return Device{ID: id, Type: d.Type, Name: d.Name, Memory: d.Memory, Baseline: d.Used}
		}
		if d.MIG == nil {
			continue
		}
		for _, p := range d.MIG.Parts {
			if p.ID == id {
				return Device{ID: id, Parent: d.ID, Type: d.Type, Profile: p.Profile, Name: d.Name, Memory: p.Memory}
			}
		}
	}
	return Device{ID: id}
}

// String names the device for a sentence: "H100 GPU-…", "1g.10gb MIG-…".
func (d Device) String() string {
	switch {
	case d.Profile != "":
		return d.Profile + " " + string(d.ID)
	case d.Type != "":
		return d.Type + " " + string(d.ID)
	}
	return string(d.ID)
}

// head is the first line of a record.
type head struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Devices []Device  `json:"devices"`
}

// Sample is what the devices were used for at a moment, a line of the record.
type Sample struct {
	Time    time.Time `json:"time"`
	Devices []Use     `json:"devices,omitempty"`
	XIDs    []gpu.XID `json:"xids,omitempty"`
	Problem string    `json:"problem,omitempty"` // why less is known from now on
}

// Use is what one device was used for. Sizes are bytes, and nil what is not known.
type Use struct {
	ID     gpu.ID   `json:"id"`
	Memory *int64   `json:"memory,omitempty"` // the attempt's
	Used   *int64   `json:"used,omitempty"`   // everybody's
	Others *int64   `json:"others,omitempty"` // strangers', as far as they are to be seen
	Busy   *float64 `json:"busy,omitempty"`   // part of the time, 0 to 1
	By     By       `json:"by,omitempty"`     // what Memory was told by
	// Problem is why the device could not be read.
	Problem string `json:"problem,omitempty"`
}

// By is how the attempt's own memory was told.
type By string

// Processes are the attempt's own, by their cgroup. Otherwise it is what came
// to the whole device since the attempt began, which nobody else may have.
const (
	ByProcesses By = "processes"
	ByDevice    By = "device"
)

// Empty reports whether it says nothing.
func (s Sample) Empty() bool { return len(s.Devices)+len(s.XIDs) == 0 && s.Problem == "" }

// memory is the attempt's on all devices.
func (s Sample) memory() int64 {
	var sum int64
	for _, u := range s.Devices {
		if u.Memory != nil {
			sum += *u.Memory
		}
	}
	return sum
}
