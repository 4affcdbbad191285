// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/internal/admission"
	"drydock/resources"
	"drydock/sandbox"
)

func ptrTo[T any](v T) *T { return &v }

// workshop has a device in each state.
func workshop() gpu.Inventory {
	const gib = int64(1) << 30
	h100 := func(n string, edit func(*gpu.Device)) gpu.Device {
		d := gpu.Device{ID: gpu.ID("GPU-" + n), Class: resources.ClassGPU, Name: "NVIDIA H100 80GB HBM3", Type: "H100", Memory: ptrTo(81559 << 20 * int64(1)), Used: ptrTo(int64(0))}
		edit(&d)
		return d
	}
	nobody := func(*gpu.Device) {}
	python := []gpu.Process{{PID: 4242, Kind: gpu.Compute, UID: ptrTo(1001), Name: "python", Memory: ptrTo(30 * gib)}}
	return gpu.Inventory{
		Driver: &gpu.Driver{Version: "580.159.04", CUDA: "13.0", Source: "nvml"},
		Devices: []gpu.Device{
			h100("free", nobody), h100("held", nobody),
			h100("busy", func(d *gpu.Device) { d.Processes, d.Used = python, ptrTo(31*gib) }),
			h100("sick", func(d *gpu.Device) { d.Health = "the GPU is lost: it fell off the bus" }),
			h100("shut", func(d *gpu.Device) { d.Unusable = "compute mode PROHIBITED" }),
			h100("cut", func(d *gpu.Device) {
				d.MIG = &gpu.MIG{Enabled: true, Parts: []gpu.Part{{ID: "MIG-held", Profile: "1g.10gb", Memory: ptrTo(10 * gib)},
					{ID: "MIG-busy", Profile: "3g.40gb", Processes: python}, {ID: "MIG-free", Profile: "1g.10gb+me"}}}
			}),
			h100("turn", func(d *gpu.Device) {
				d.MIG = &gpu.MIG{Enabled: true, Pending: true, Parts: []gpu.Part{{ID: "MIG-turn", Profile: "1g.10gb"}}}
			}),
			{ID: "GPU-desk", Class: resources.ClassGPU, Name: "NVIDIA GeForce RTX 4090", Memory: ptrTo(24 * gib), Display: true},
			{ID: "GPU-spark", Class: resources.ClassGPU, Name: "NVIDIA GB10", Type: "GB10", Memory: ptrTo(119 * gib), Unified: true},
			{ID: "amd-1-128", Class: resources.ClassAMD, Name: "AMD Instinct\x1b[31m", Type: "MI250", Also: []string{"MI250X"}},
			{ID: "amd-2-128", Class: resources.ClassAMD, Name: "AMD MI300X", Type: "MI300X", Partition: "CPX/NPS4"},
		},
		Problems: []gpu.Problem{{Class: resources.ClassGPU, Text: "MIG device 3 of GPU-cut cannot be read: no permission", Remedy: "ask root"}},
	}
}

// devicesWorld looks at an inventory, in a lease directory of its own where
// a task holds GPU-held and MIG-held.
func devicesWorld(t *testing.T, inv gpu.Inventory) (World, *bytes.Buffer) {
	dir := t.TempDir()
	t.Setenv("DRYDOCK_LEASE_DIR", dir)
	m, err := admission.NewMachine(dir, sandbox.Amounts{CPUMilli: 1000})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := m.Take(t.Context(), admission.Request{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Attempt: 2, Demand: admission.Demand{
		Devices: []admission.Choice{{Count: 2, Of: []sandbox.Device{{ID: "GPU-held"}, {ID: "MIG-held", Excludes: []string{"GPU-cut"}}}}},
	}}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(claim.Release)
	var out bytes.Buffer
	return World{Stdout: &out, Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Notify: func(chan<- os.Signal, ...os.Signal) {}, Unnotify: func(chan<- os.Signal) {},
		Devices: func(context.Context) gpu.Inventory { return inv }}, &out
}

func TestGoldenDevices(t *testing.T) {
	w, out := devicesWorld(t, workshop())
	if err := runDevices(t.Context(), w, devicesOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/devices.txt", out.Bytes())
}

func TestDevicesJSON(t *testing.T) {
	w, out := devicesWorld(t, workshop())
	if err := runDevices(t.Context(), w, devicesOptions{JSON: true}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Type    string
		Version int
		Devices []struct {
			ID, State string
			Holder    *struct {
				ID      string
				Attempt int
			}
			MIG *struct {
				Parts []struct{ ID, State string }
			}
		}
		Problems []struct{ Text string }
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, d := range doc.Devices {
		states = append(states, d.State)
		if d.MIG != nil {
			for _, p := range d.MIG.Parts {
				states = append(states, p.ID+" "+p.State)
			}
		}
	}
	want := "free,held,in use,unhealthy,unusable,partitioned,MIG-held held,MIG-busy in use,MIG-free free,unhealthy,MIG-turn unhealthy,free,free,free,free"
	if got := strings.Join(states, ","); got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	if h := doc.Devices[1].Holder; doc.Type != "devices" || doc.Version != 1 || h == nil || h.ID != "01ARZ3NDEKTSV4RRFFQ69G5FAV" || h.Attempt != 2 {
		t.Errorf("%s", out)
	}
}

// A machine without any says so, and lists are lists.
func TestDevicesNone(t *testing.T) {
	w, out := devicesWorld(t, gpu.Inventory{})
	if err := runDevices(t.Context(), w, devicesOptions{}); err != nil || out.String() != "no accelerators on this machine\n" {
		t.Errorf("%q, %v", out, err)
	}
	out.Reset()
	if err := runDevices(t.Context(), w, devicesOptions{JSON: true}); err != nil || !strings.Contains(out.String(), `"devices":[],"problems":[]`) {
		t.Errorf("%s, %v", out, err)
	}
}

// --watch looks until it is told to stop.
func TestDevicesWatch(t *testing.T) {
	w, out := devicesWorld(t, gpu.Inventory{})
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	w.Devices = func(context.Context) gpu.Inventory {
		if looks++; looks == 3 {
			cancel()
		}
		return gpu.Inventory{}
	}
	err := runDevices(ctx, w, devicesOptions{Watch: true, JSON: true, Interval: "500ms", Given: map[string]bool{"interval": true}})
	if exitCode(err) == 0 || looks != 3 || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%d looks, %v:\n%s", looks, err, out)
	}
}

// A reader that goes away (| head) is nobody's fault.
func TestReaderGone(t *testing.T) {
	w, _ := devicesWorld(t, gpu.Inventory{})
	var said strings.Builder
	w.Args, w.Stdout, w.Stderr = []string{"drydock", "devices"}, goneReader{}, &said
	if code := Main(t.Context(), w); code != 141 || said.Len() > 0 {
		t.Errorf("exit code %d, %q", code, &said)
	}
	other := &os.PathError{Op: "write", Path: "/run/engine.sock", Err: syscall.EPIPE}
	if code := exitCode(other); code != exitFault {
		t.Errorf("another's broken pipe: %d", code)
	}
}

type goneReader struct{}

func (goneReader) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}
}

func TestDevicesUsage(t *testing.T) {
	for _, o := range []devicesOptions{
		{Interval: "1s", Given: map[string]bool{"interval": true}},
		{Watch: true, Interval: "1ms", Given: map[string]bool{"interval": true}},
		{Watch: true, Interval: "soon", Given: map[string]bool{"interval": true}},
	} {
		if err := runDevices(t.Context(), World{}, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
