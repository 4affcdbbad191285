// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"slices"
	"testing"

	"drydock/resources"
)

// A MIG device and its GPU exclude each other, by name, for whoever keeps the
// leases.
func TestExcludes(t *testing.T) {
	inv := here(card("H100", mig("1g.10gb", 2)), card("H100", migOff))
	m, err := Find(inv, want("H100", 1, "1g.10gb"), policy())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Choices {
		if !slices.Equal(c.Excludes, []ID{"GPU-0"}) || c.Parent != "GPU-0" {
			t.Errorf("%s excludes %v, parent %s", c.ID, c.Excludes, c.Parent)
		}
	}
	if picked, _ := m.Pick(func(id ID) bool { return id == "GPU-0" }); picked != nil {
		t.Errorf("%v was picked while its GPU is taken whole", picked)
	}
	// Instances may outlive MIG mode in a driver's list; the whole GPU excludes them.
	inv.Devices[0].MIG.Enabled = false
	m, err = Find(inv, want("H100", 2), policy())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Choices[0].Excludes, []ID{"MIG-0-0", "MIG-0-1"}) {
		t.Errorf("%s excludes %v", m.Choices[0].ID, m.Choices[0].Excludes)
	}
	if picked, waits := m.Pick(func(id ID) bool { return id == "MIG-0-1" }); picked != nil || waits == "" {
		t.Errorf("%v was picked while a part is taken", picked)
	}
}

// A slice is taken from the GPU that is used most, so that others stay whole.
func TestPickKeepsGPUsWhole(t *testing.T) {
	inv := here(card("H100", mig("1g.10gb", 3)), card("H100", mig("1g.10gb", 3)))
	m, err := Find(inv, want("H100", 1, "1g.10gb"), policy())
	if err != nil {
		t.Fatal(err)
	}
	picked, _ := m.Pick(func(id ID) bool { return id == "MIG-1-0" })
	if joined(picked) != "MIG-1-1" {
		t.Errorf("picked %s while MIG-1-0 was taken", joined(picked))
	}
	m, err = Find(inv, want("H100", 5, "1g.10gb"), policy())
	if err != nil {
		t.Fatal(err)
	}
	if picked, _ := m.Pick(func(ID) bool { return false }); len(picked) != 5 {
		t.Errorf("picked %s of two GPUs with three each", joined(picked))
	}
}

// The very type comes before one that may stand for it.
func TestPickPrefersTheType(t *testing.T) {
	inv := here(card("A100-80"), card("A100-40", display), card("A100-80"))
	m, err := Find(inv, want("A100", 1), policy(substitute("compatible")))
	if err != nil {
		t.Fatal(err)
	}
	if picked, _ := m.Pick(func(ID) bool { return false }); joined(picked) != "GPU-1" {
		t.Errorf("picked %s", joined(picked))
	}
	if picked, _ := m.Pick(func(id ID) bool { return id == "GPU-1" }); joined(picked) != "GPU-0" {
		t.Errorf("picked %s when the A100 was taken", joined(picked))
	}
}

// Sixteen linked GPUs have 12870 halves; more GPUs than that are not compared.
func TestPickOfMany(t *testing.T) {
	var devices []Device
	for range 64 {
		devices = append(devices, card("H100"))
	}
	m, err := Find(here(devices...), gpus(32), policy())
	if err != nil {
		t.Fatal(err)
	}
	if picked, _ := m.Pick(func(ID) bool { return false }); len(picked) != 32 {
		t.Errorf("picked %d of 64", len(picked))
	}
}

func TestShared(t *testing.T) {
	m, err := Find(here(card("T4")), want("T4 shared", 1), policy())
	if err != nil || len(m.Notes) != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	if picked, _ := m.Pick(func(ID) bool { return false }); joined(picked) != "GPU-0" {
		t.Errorf("picked %s", joined(picked))
	}
}

// An accelerator without a number of devices is ignored, as Flyte's backend
// does, and the user is warned (case 55).
func TestConformance55(t *testing.T) {
	r, warnings, err := resources.FromWire(resources.Wire{Accelerator: &resources.WireAccelerator{Device: "nvidia-tesla-a100"}})
	if err != nil || r.GPU != nil || len(warnings) != 1 || warnings[0].Code != resources.CodeIgnored || warnings[0].Field != "gpu" {
		t.Errorf("it asks for %v, warnings %+v, %v", r.GPU, warnings, err)
	}
}

func TestRefusedForms(t *testing.T) {
	for _, c := range []struct {
		want resources.Device
		text string
	}{
		{resources.Device{}, "accelerator: 0 devices are none"},
		{resources.Device{Quantity: 1, Partition: "1g.10gb"}, `accelerator: partition "1g.10gb" of no type`},
		{resources.Device{Quantity: 1, Class: "FPGA"}, `accelerator: unknown device class "FPGA"`},
		{resources.Device{Quantity: 1, Class: resources.ClassNeuron}, "accelerator: a Neuron device without a type"},
		{want("V5P", 1, "3x3x3"), `accelerator: slice "3x3x3" is not offered by V5P (offered: 2x2x1, 2x2x2, 2x4x4, 4x4x4, 4x4x8, 4x8x8, 8x8x8, 8x8x16, 8x16x16, 16x16x16, 16x16x24)`},
		{want("AppleSilicon", 1), "accelerator: no Apple GPU on this machine (have: 1×H100)"},
	} {
		if _, err := Find(here(card("H100")), c.want, policy()); err == nil || err.Error() != c.text {
			t.Errorf("%+v: %v, want %s", c.want, err, c.text)
		}
	}
}
