// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"slices"
	"strings"
	"testing"

	"drydock/resources"
)

func nodes(paths ...string) func(*Device) {
	return func(d *Device) { d.Nodes = paths }
}

// What goes with what was picked: exactly the nodes that it takes, once each,
// and what the vendor's programs go by.
func TestGrant(t *testing.T) {
	cut := card("H100", mig("1g.10gb", 2), nodes("/dev/nvidia3"))
	cut.MIG.Parts[0].Nodes = []string{"/dev/nvidia3", "/dev/nvidia-caps/nvidia-cap12", "/dev/nvidia-caps/nvidia-cap13"}
	cut.MIG.Parts[1].Nodes = []string{"/dev/nvidia3", "/dev/nvidia-caps/nvidia-cap21", "/dev/nvidia-caps/nvidia-cap22"}
	amd := func(d *Device) { d.Nodes, d.Groups = []string{"/dev/kfd", "/dev/dri/renderD128"}, []int{109, 109, 44} }
	vfio := func(n string) func(*Device) { return nodes("/dev/vfio/"+n, "/dev/vfio/vfio") }
	tpus := append(other(resources.ClassTPU, "V5E", 1, vfio("0")), Device{ID: "V5E-1", Class: resources.ClassTPU, Type: "V5E", Index: 1, Nodes: []string{"/dev/vfio/1", "/dev/vfio/vfio"}})
	gaudi := nodes("/dev/accel/accel0", "/dev/accel/accel_controlD0")
	const control = " /dev/nvidiactl /dev/nvidia-uvm /dev/nvidia-uvm-tools"
	for name, tc := range map[string]struct {
		inv    Inventory
		want   resources.Device
		nodes  string
		groups []int
		env    string
	}{
		"two GPUs": {here(card("H100", nodes("/dev/nvidia0")), card("H100", nodes("/dev/nvidia1"))), gpus(2), "/dev/nvidia0 /dev/nvidia1" + control, nil,
			"DRYDOCK_ACCELERATORS=GPU-0,GPU-1 CUDA_VISIBLE_DEVICES=GPU-0,GPU-1 CUDA_DEVICE_ORDER=PCI_BUS_ID NVIDIA_VISIBLE_DEVICES=void"},
		"two MIG devices": {here(cut), want("H100", 2, "1g.10gb"),
			"/dev/nvidia3 /dev/nvidia-caps/nvidia-cap12 /dev/nvidia-caps/nvidia-cap13 /dev/nvidia-caps/nvidia-cap21 /dev/nvidia-caps/nvidia-cap22" + control, nil,
			"DRYDOCK_ACCELERATORS=MIG-0-0,MIG-0-1 CUDA_VISIBLE_DEVICES=MIG-0-0,MIG-0-1 CUDA_DEVICE_ORDER=PCI_BUS_ID NVIDIA_VISIBLE_DEVICES=void"},
		"AMD": {here(other(resources.ClassAMD, "MI300X", 1, amd)...), want("MI300X", 1), "/dev/kfd /dev/dri/renderD128", []int{109, 44}, "DRYDOCK_ACCELERATORS=MI300X-0"},
		"Gaudi": {here(other(resources.ClassGaudi, "Gaudi1", 1, gaudi)...), want("Gaudi1", 1), "/dev/accel/accel0 /dev/accel/accel_controlD0", nil,
			"DRYDOCK_ACCELERATORS=Gaudi1-0 HABANA_VISIBLE_DEVICES=0 HL_VISIBLE_DEVICES=/dev/accel/accel0"},
		"Neuron":       {here(other(resources.ClassNeuron, "Trn1", 1, nodes("/dev/neuron0"))...), want("Trn1", 1), "/dev/neuron0", nil, "DRYDOCK_ACCELERATORS=Trn1-0"},
		"the TPU host": {here(tpus...), want("V5E", 1), "/dev/vfio/0 /dev/vfio/vfio /dev/vfio/1", nil, "DRYDOCK_ACCELERATORS=V5E-0,V5E-1"},
		"a chip of two": {here(tpus...), want("V5E", 1, "1x1"), "/dev/vfio/0 /dev/vfio/vfio", nil,
			"DRYDOCK_ACCELERATORS=V5E-0 TPU_VISIBLE_CHIPS=0 TPU_CHIPS_PER_PROCESS_BOUNDS=1,1,1 TPU_PROCESS_BOUNDS=1,1,1"},
		"what is only pretended": {Pretend([]resources.Device{want("A100", 2)}), want("A100", 1), "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Find(tc.inv, tc.want, policy())
			if err != nil {
				t.Fatal(err)
			}
			picked, _ := m.Pick(func(ID) bool { return false })
			g := tc.inv.Grant(picked)
			if got := strings.Join(g.Nodes, " "); got != tc.nodes {
				t.Errorf("nodes %q, want %q", got, tc.nodes)
			}
			if got := strings.Join(g.Env, " "); got != tc.env {
				t.Errorf("variables %q, want %q", got, tc.env)
			}
			if !slices.Equal(g.Groups, tc.groups) || len(g.IDs) != len(picked) || g.Class != m.Asked.Class || g.Pretended != (tc.nodes == "") {
				t.Errorf("%+v", g)
			}
		})
	}
}

// A node that is taken for another machine has what it is said to have.
func TestPretend(t *testing.T) {
	inv := Pretend([]resources.Device{want("A100", 2), want("MI300X", 1), gpus(1)})
	for _, tc := range []struct {
		want  resources.Device
		fails string
	}{
		{want("A100", 2), ""}, {want("MI300X", 1), ""}, {gpus(3), ""},
		{gpus(4), "request needs 4 NVIDIA GPUs but this machine has 3"},
		{want("H100", 1), `no GPU of type "H100" on this machine (have: 2×A100, 1×GPU (pretended))`},
	} {
		_, err := Find(inv, tc.want, policy())
		if got := ""; err != nil {
			got = strings.TrimPrefix(err.Error(), "accelerator: ")
			if got != tc.fails {
				t.Errorf("%v: %s", tc.want, got)
			}
		} else if tc.fails != "" {
			t.Errorf("%v is given", tc.want)
		}
	}
	ids := map[ID]bool{}
	for _, d := range inv.Devices {
		ids[d.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d names for 4 devices", len(ids))
	}
}

// What a driver keeps of a task that has ended, and what it does not.
func TestDraining(t *testing.T) {
	const task = "01M8BSZ23RDZBS092ZMWJQ8SXB"
	by := func(p Process) func(*Device) {
		return func(d *Device) { d.Processes = []Process{p} }
	}
	used := func(gib int64) func(*Device) { return func(d *Device) { d.Used = ptr(gib << 30) } }
	for name, tc := range map[string]struct {
		edits []func(*Device)
		want  bool
	}{
		"nothing":               {nil, false},
		"a process of its own":  {[]func(*Device){by(Process{PID: 1, Task: task, UID: ptr(0)})}, true},
		"one that is gone":      {[]func(*Device){by(Process{PID: 1})}, true},
		"a stranger":            {[]func(*Device){by(Process{PID: 1, UID: ptr(7)}), used(30)}, false},
		"another task":          {[]func(*Device){by(Process{PID: 1, Task: "01M8BSZ23RDZBS092ZMWJQ8SXC", UID: ptr(0)})}, false},
		"memory of nobody":      {[]func(*Device){used(30)}, true},
		"the driver's own":      {[]func(*Device){func(d *Device) { d.Used = ptr(int64(300 << 20)) }}, false},
		"memory of the machine": {[]func(*Device){used(30), func(d *Device) { d.Unified = true }}, false},
	} {
		if got := here(card("H100", tc.edits...)).Draining("GPU-0", task); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if here().Draining("GPU-0", task) {
		t.Error("a GPU that is gone has something of the task")
	}
}

// The sets of a match are what its Pick may choose of, the best first.
func TestSets(t *testing.T) {
	inv := here(other(resources.ClassNeuron, "Trn1", 6)...)
	m, err := Find(inv, want("Trn1", 4), policy())
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Sets(); len(got) != 3 || !slices.Equal(got[0], []int{0, 1, 2, 3}) {
		t.Errorf("%v", got)
	}
	if m, err = Find(here(card("H100"), card("H100")), gpus(1), policy()); err != nil || m.Sets() != nil {
		t.Errorf("%v, %v", m.Sets(), err)
	}
}

// Where nothing else tells whose a process is, the lease does; what it says by
// itself stays, and so does what others look at.
func TestOwned(t *testing.T) {
	own := Process{PID: 2, Kind: Compute, Task: "another"}
	cut := card("H100", mig("1g.10gb", 1))
	cut.MIG.Parts[0].Processes = []Process{{PID: 5, Kind: Compute}}
	inv := here(card("H100", func(d *Device) { d.Processes = []Process{{PID: 1, Kind: Compute}, own, {PID: 3, Kind: Display}} }), card("H100", stranger), cut)
	got := inv.Owned(map[ID]string{"GPU-0": "task", "MIG-2-0": "slice"})
	if p := got.Devices[0].Processes; p[0].Task != "task" || p[1] != own || p[2].Task != "" {
		t.Errorf("%+v", p)
	}
	if p := got.Devices[2].MIG.Parts[0].Processes[0]; p.Task != "slice" {
		t.Errorf("%+v", p)
	}
	if got.Devices[1].Busy() == "" || inv.Devices[0].Processes[0].Task != "" || inv.Devices[2].MIG.Parts[0].Processes[0].Task != "" {
		t.Error("what was looked at has changed")
	}
}

// Who is on a device is asked by the ID of a whole one or of a part.
func TestBusyByID(t *testing.T) {
	stranger := []Process{{PID: 1, Kind: Compute}}
	inv := Inventory{Devices: []Device{{ID: "GPU-0", Processes: stranger}, {ID: "GPU-1"},
		{ID: "GPU-2", MIG: &MIG{Enabled: true, Parts: []Part{{ID: "MIG-0"}, {ID: "MIG-1", Processes: stranger}}}}}}
	for id, busy := range map[ID]bool{"GPU-0": true, "GPU-1": false, "GPU-2": false, "MIG-0": false, "MIG-1": true, "GPU-9": false} {
		if got := inv.Busy(id); (got != "") != busy {
			t.Errorf("%s: %q", id, got)
		}
	}
}
