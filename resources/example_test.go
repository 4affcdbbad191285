// SPDX-License-Identifier: Apache-2.0

package resources_test

import (
	"encoding/json"
	"fmt"

	"drydock/resources"
)

func Example() {
	asked, warnings, err := resources.ParseFlags(resources.Flags{CPU: "1,2", Memory: "64Gi", Shm: "auto"})
	if err != nil {
		fmt.Println(err)
		return
	}
	profile, err := resources.ParseProfile("prod.yaml", []byte("limits: {memory: 32Gi}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	demand, more, err := asked.Complete(profile)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range append(warnings, more...) {
		fmt.Println(w)
	}
	memory, err := json.Marshal(demand.Memory)
	fmt.Println(string(memory), err)
	// Output:
	// memory: your 64Gi is clamped to 32Gi by profile prod; ask for less, or raise its limit
	// {"request":"32Gi","limit":"32Gi","request_origin":"clamped","limit_origin":"clamped"} <nil>
}

func ExampleParseFlags() {
	_, _, err := resources.ParseFlags(resources.Flags{Memory: "400m"})
	fmt.Println(err)
	// Output: --memory "400m": the suffix m means thousandths of a byte; did you mean memory="400Mi"?
}
