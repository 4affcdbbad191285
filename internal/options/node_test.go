// SPDX-License-Identifier: Apache-2.0

package options

import (
	"strings"
	"testing"

	"drydock/executor"
	"drydock/resources"

	"github.com/google/go-cmp/cmp"
)

func TestNode(t *testing.T) {
	for text, want := range map[string]NodeSpec{
		"":                          {},
		"cpu=8,memory=32Gi":         {Capacity: executor.Capacity{CPUMilli: 8000, Memory: 32 << 30}},
		"cpu=500m, pids=4096":       {Capacity: executor.Capacity{CPUMilli: 500, Pids: 4096}},
		"disk=100Gi,gpu=A100:2":     {Capacity: executor.Capacity{Disk: 100 << 30}, GPUs: []resources.Device{{Quantity: 2, Class: resources.ClassGPU, Device: "A100"}}},
		"gpu=A100:2,gpu=T4:1,cpu=1": {Capacity: executor.Capacity{CPUMilli: 1000}, GPUs: []resources.Device{{Quantity: 2, Class: resources.ClassGPU, Device: "A100"}, {Quantity: 1, Class: resources.ClassGPU, Device: "T4"}}},
	} {
		got, err := Node(text)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, d)
		}
	}
}

// What cannot be read says what would be accepted.
func TestNodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"cpus=8":        `"cpus" is not known; accepted: cpu=N`,
		"8":             `"8" is not KEY=VALUE; accepted: cpu=N`,
		"cpu=":          `"cpu=" is not KEY=VALUE`,
		"cpu=many":      `cpu: "many" is no number of cores; accepted: cpu=N`,
		"cpu=0":         "cpu: 0 is too little",
		"memory=-1Gi":   "memory: ",
		"memory=lots":   "memory: ",
		"pids=1.5":      `pids: "1.5" is no whole number`,
		"gpu=A100:none": `gpu: gpu "A100:none": not an accelerator that the SDK knows; did you mean "A100:1"?; accepted`,
		"gpu=A100":      `gpu: gpu "A100": not an accelerator that the SDK knows; did you mean "A100:1"?`,
		"gpu=-1":        "gpu: gpu must be greater than or equal to 0",
		"cpu=1,cpu=2":   "cpu is there twice",
	} {
		if _, err := Node(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "accepted: ") {
			t.Errorf("%q: %v, want %q and what is accepted", text, err, want)
		}
	}
	if _, err := Reserve("disk=1Gi"); err == nil || !strings.Contains(err.Error(), `"disk" is not known; accepted: cpu=N, memory=SIZE`) {
		t.Errorf("a reserve of disk: %v", err)
	}
}

func TestAllocatable(t *testing.T) {
	total := executor.Capacity{CPUMilli: 8000, Memory: 24 << 30}
	usual := executor.Capacity{CPUMilli: 8000, Memory: 21 << 30}
	for name, tc := range map[string]struct {
		node, reserve string
		want          executor.Capacity
		err           string
	}{
		"this machine":             {"", "", usual, ""},
		"another reserve":          {"", "cpu=500m,memory=8Gi", executor.Capacity{CPUMilli: 7500, Memory: 16 << 30}, ""},
		"no reserve":               {"", "memory=0", executor.Capacity{CPUMilli: 8000, Memory: 24 << 30}, ""},
		"a node":                   {"cpu=32,memory=64Gi", "memory=8Gi", executor.Capacity{CPUMilli: 32000, Memory: 64 << 30}, ""},
		"a part of a node":         {"memory=4Gi,disk=1Gi,pids=9", "", executor.Capacity{CPUMilli: 8000, Memory: 4 << 30, Disk: 1 << 30, Pids: 9}, ""},
		"a reserve of everything":  {"", "memory=24Gi", executor.Capacity{CPUMilli: 8000}, "leaves nothing"},
		"that no node falls under": {"memory=4Gi", "memory=24Gi", executor.Capacity{CPUMilli: 8000, Memory: 4 << 30}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			node, err := Node(tc.node)
			if err != nil {
				t.Fatal(err)
			}
			reserve, err := Reserve(tc.reserve)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Allocatable(node, reserve, total, usual)
			if got != tc.want || (err == nil) != (tc.err == "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
