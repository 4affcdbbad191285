// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"

	"drydock/resources"
)

// Pretend is the inventory of a machine that is taken for one with these
// devices: they can be asked for, waited for and held like others, and a task
// that has them sees none.
func Pretend(devices []resources.Device) Inventory {
	inv := Inventory{Devices: []Device{}}
	index := map[resources.DeviceClass]int{}
	for _, want := range devices {
		class, typ, name := want.Class, want.Device, want.Device
		if class == "" {
			class = resources.ClassGPU
		}
		if typ == "" {
			name = "GPU"
		}
		for range want.Quantity {
			n := index[class]
			index[class]++
			inv.Devices = append(inv.Devices, Device{ID: ID(fmt.Sprintf("pretended-%s-%d", class, n)), Class: class, Index: n,
				Name: name + " (pretended)", Type: typ, Rule: "pretended", Pretended: true})
		}
	}
	return inv
}
