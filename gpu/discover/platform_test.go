// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"strings"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/resources"
)

// answers is a reader that says that there are so many GeForces.
func answers(t *testing.T, devices string) []string {
	return []string{script(t, `echo '{"devices":[`+devices+`]}'`)}
}

const twoGeForces = `{"id":"GPU-0","class":"GPU","index":0,"name":"NVIDIA GeForce RTX 4090","nodes":["/dev/nvidia0"]},` +
	`{"id":"GPU-1","class":"GPU","index":1,"name":"NVIDIA GeForce RTX 3090","nodes":["/dev/nvidia0"]}`

// Under WSL2 one task has all GPUs, through the one node.
func TestWSL2(t *testing.T) {
	root := t.TempDir()
	put(t, root, "dev/dxg", nil)
	inv := Machine(t.Context(), Options{Root: root, Reader: answers(t, twoGeForces), SMI: noSMI, Limit: time.Minute})
	if inv.Platform != gpu.WSL2 || len(inv.Devices) != 2 || len(inv.Problems) != 1 || !strings.Contains(inv.Problems[0].Text, "CUDA_VISIBLE_DEVICES") {
		t.Fatalf("it finds %+v", inv)
	}
	m, err := gpu.Find(inv, resources.Device{Quantity: 1}, resources.AcceleratorProfile{})
	if err != nil || len(m.Choices) != 1 || m.Choices[0].ID != "GPU-0" {
		t.Fatalf("gpu=1 may be %+v, %v", m.Choices, err)
	}
	if got := inv.Grant(m.Choices).Nodes; len(got) != 1 || got[0] != "/dev/dxg" {
		t.Errorf("it comes with %v", got)
	}
	if _, err := gpu.Find(inv, resources.Device{Quantity: 2}, resources.AcceleratorProfile{}); err == nil {
		t.Error("two are given apart")
	}
}

// A Jetson is recognised, with a library and without, and its GPU named.
func TestTegra(t *testing.T) {
	for _, c := range []struct {
		file, text, devices, name string
	}{
		{"etc/nv_tegra_release", "# R36 (release), REVISION: 4.3", `{"id":"GPU-0","class":"GPU","index":0,"name":"Orin (nvgpu)"}`, "Orin (nvgpu)"},
		{"proc/device-tree/compatible", "nvidia,p3768-0000+p3767-0005\x00nvidia,tegra234\x00", "", "NVIDIA Jetson Orin Nano"},
	} {
		root := t.TempDir()
		put(t, root, c.file, []byte(c.text))
		put(t, root, "proc/device-tree/model", []byte("NVIDIA Jetson Orin Nano\x00"))
		put(t, root, "proc/meminfo", []byte("MemTotal:        7800000 kB\n"))
		inv := Machine(t.Context(), Options{Root: root, Reader: answers(t, c.devices), SMI: noSMI, Limit: time.Minute})
		if inv.Platform != gpu.Tegra || len(inv.Devices) != 1 {
			t.Fatalf("%s: it finds %+v", c.file, inv)
		}
		d := inv.Devices[0]
		if d.Name != c.name || !d.Unified || *d.Memory != 7800000<<10 || d.Type != "" || !strings.Contains(d.Unusable, "CSV mode") {
			t.Errorf("%s: it is %+v", c.file, d)
		}
		_, err := gpu.Find(inv, resources.Device{Quantity: 1}, resources.AcceleratorProfile{})
		if err == nil || !strings.Contains(err.Error(), "CSV mode") {
			t.Errorf("gpu=1 is refused with %v", err)
		}
	}
}
