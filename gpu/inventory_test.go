// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"

	"drydock/resources"
)

// box builds inventories as a table of cases writes them.
type box struct {
	inv Inventory
	n   map[resources.DeviceClass]int
}

const gib = int64(1) << 30

func ptr[T any](v T) *T { return &v }

// cards are real names and sizes.
var cards = map[string]struct {
	name string
	gib  int64
}{
	"A100-40": {"NVIDIA A100-SXM4-40GB", 40}, "A100-80": {"NVIDIA A100-SXM4-80GB", 80},
	"H100": {"NVIDIA H100 80GB HBM3", 80}, "H100NVL": {"NVIDIA H100 NVL", 94}, "4090": {"NVIDIA GeForce RTX 4090", 24},
	"GH200": {"NVIDIA GH200 480GB", 96}, "L40S": {"NVIDIA L40S", 45}, "T400": {"NVIDIA T400 4GB", 4}, "T4": {"Tesla T4", 15},
	"vA100": {"NVIDIA A100-4C", 4}, "GB10": {"NVIDIA GB10", 119}, "A10G": {"NVIDIA A10G", 22},
}

func here(devices ...Device) Inventory {
	b := box{n: map[resources.DeviceClass]int{}}
	for _, d := range devices {
		d.Index = b.n[d.Class]
		if d.Class == resources.ClassGPU && d.ID == "" {
			d.ID = ID(fmt.Sprintf("GPU-%d", d.Index))
			if d.MIG != nil {
				for i := range d.MIG.Parts {
					d.MIG.Parts[i].ID = ID(fmt.Sprintf("MIG-%d-%d", d.Index, i))
				}
			}
		}
		b.n[d.Class]++
		b.inv.Devices = append(b.inv.Devices, d)
	}
	return b.inv
}

func card(kind string, edits ...func(*Device)) Device {
	c := cards[kind]
	d := Device{Class: resources.ClassGPU, Name: c.name, Memory: ptr(c.gib * gib), Virtual: IsVirtual(c.name)}
	d.Type, d.Rule = TypeOf(d.Name, 0, d.Memory)
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func display(d *Device) { d.Display = true }

func xid79(d *Device) { d.Health = "XID 79" }

func pending(d *Device) { d.MIG = &MIG{Pending: true} }

func migOff(d *Device) { d.MIG = &MIG{} }

func prohibited(d *Device) { d.Unusable = "compute mode PROHIBITED" }

func stranger(d *Device) {
	d.Used = ptr(int64(31 * gib))
	d.Processes = []Process{{PID: 4242, Kind: Compute, UID: ptr(1001), Name: "python", Memory: ptr(301 * gib / 10)}}
}

// strangerInPart is one on the first MIG device of a GPU that was cut before.
func strangerInPart(d *Device) {
	var whole Device
	stranger(&whole)
	d.MIG.Parts[0].Processes = whole.Processes
}

// mig partitions a GPU: mig("1g.10gb", 3, "3g.40gb", 1).
func mig(parts ...any) func(*Device) {
	return func(d *Device) {
		d.MIG = &MIG{Enabled: true}
		for i := 0; i < len(parts); i += 2 {
			for range parts[i+1].(int) {
				d.MIG.Parts = append(d.MIG.Parts, Part{Profile: parts[i].(string)})
			}
		}
	}
}

// other is an AMD GPU, a Neuron device, a TPU chip or a Gaudi.
func other(class resources.DeviceClass, typ string, n int, edits ...func(*Device)) []Device {
	var all []Device
	for i := range n {
		d := Device{ID: ID(fmt.Sprintf("%s-%d", typ, i)), Class: class, Type: typ, Name: typ}
		for _, edit := range edits {
			edit(&d)
		}
		all = append(all, d)
	}
	return all
}

// nvlinked gives GPUs links: pairs(0, 1, 2, 3) links 0 with 1 and 2 with 3.
func nvlinked(inv Inventory, pairs ...int) Inventory {
	for i := range inv.Devices {
		inv.Devices[i].Links = map[ID]int{}
		for j := range inv.Devices {
			if i != j {
				inv.Devices[i].Links[inv.Devices[j].ID] = LinkHost
			}
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		a, b := inv.Devices[pairs[i]], inv.Devices[pairs[i+1]]
		a.Links[b.ID] += LinkNVLink
		b.Links[a.ID] += LinkNVLink
	}
	return inv
}
