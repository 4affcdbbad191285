// SPDX-License-Identifier: Apache-2.0

package gpu_test

import (
	"fmt"

	"drydock/gpu"
	"drydock/resources"
)

// What a request means on a machine, and what is free of it.
func ExampleFind() {
	const gib = int64(1) << 30
	size := 80 * gib
	inv := gpu.Inventory{Devices: []gpu.Device{
		{ID: "GPU-a", Class: resources.ClassGPU, Type: "A100_80G", Memory: &size},
		{ID: "GPU-b", Class: resources.ClassGPU, Type: "A100_80G", Memory: &size},
	}}
	profile := resources.DefaultProfile().Accelerators
	asked, _ := resources.GPU("A100", 1, "")

	_, err := gpu.Find(inv, *asked, profile)
	fmt.Println(err)

	profile.Substitution = "compatible"
	match, err := gpu.Find(inv, *asked, profile)
	if err != nil {
		fmt.Println(err)
		return
	}
	held := map[gpu.ID]bool{"GPU-a": true}
	picked, _ := match.Pick(func(id gpu.ID) bool { return held[id] })
	fmt.Println(picked[0].ID, picked[0].As)

	held["GPU-b"] = true
	_, waits := match.Pick(func(id gpu.ID) bool { return held[id] })
	fmt.Println(waits)
	// Output:
	// accelerator: no GPU of type "A100" on this machine (have: 2×A100_80G); accelerator_substitution=compatible would accept A100_80G
	// GPU-b A100_80G (substitute for A100)
	// needs 1 × A100, 0 free
}
