// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxb200"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh200"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/gpus"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"

	"drydock/gpu"
	"drydock/resources"
)

// NVIDIA's own boxes: eight GPUs each, of one type. (Its A100 box has the
// name that the simulator gives it.)
func TestBoxes(t *testing.T) {
	for _, c := range []struct {
		name string
		box  *server.Server
		typ  string
	}{
		{"dgxa100", dgxa100.NewWithGPUs(gpus.Multiple(8, total(gpus.A100_SXM4_40GB, "NVIDIA A100-SXM4-40GB", 40960))...), "A100"},
		{"dgxh100", dgxh100.New(), "H100"},
		{"dgxh200", dgxh200.NewWithGPUs(gpus.Multiple(8, total(gpus.H200_SXM5_141GB, "NVIDIA H200", 143771))...), "H200"},
		{"dgxb200", dgxb200.NewWithGPUs(gpus.Multiple(8, total(gpus.B200_SXM5_180GB, "NVIDIA B200", 183359))...), "B200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := Read(complete(c.box), t.TempDir())
			count(t, 8, len(inv.Devices), "devices")
			for i, d := range inv.Devices {
				if d.Type != c.typ || d.Index != i || d.Health != "" || d.Unusable != "" || d.Busy() != "" || d.Memory == nil {
					t.Errorf("device %d is %+v, want a well %s", i, d, c.typ)
				}
				if d.MIG == nil || d.MIG.Enabled {
					t.Errorf("device %d: MIG is %+v, want off", i, d.MIG)
				}
				count(t, 7, len(d.Links), "links")
			}
			if inv.Driver == nil || inv.Driver.Version == "" || inv.Driver.CUDA == "" {
				t.Errorf("driver %+v", inv.Driver)
			}
			if inv.Devices[2].PCI != "0000:03:00.0" || !slices.Equal(inv.Devices[2].Nodes, []string{"/dev/nvidia2"}) {
				t.Errorf("the third is at %s with %v", inv.Devices[2].PCI, inv.Devices[2].Nodes)
			}
		})
	}
}

// What MIG devices are called, by the driver's name for them and without one.
func TestMIGProfiles(t *testing.T) {
	for _, c := range []struct {
		name string
		kind gpus.Config
		part part
		want string
	}{
		{"named", gpus.H100_SXM5_80GB, part{name: "1g.10gb"}, "1g.10gb"},
		{"with media", gpus.H100_SXM5_80GB, part{name: "1g.10gb+me", c: 1, g: 1, mib: 9984}, "1g.10gb+me"},
		{"part of a part", gpus.H100_SXM5_80GB, part{name: "1c.3g.40gb", c: 1, g: 3, mib: 40448}, "1c.3g.40gb"},
		{"one off", gpus.H100_SXM5_80GB, part{name: "3g.39gb"}, "3g.40gb"},
		{"by size", gpus.H100_SXM5_80GB, part{c: 1, g: 1, mib: 9984}, "1g.10gb"},
		{"part of a part by size", gpus.H100_SXM5_80GB, part{c: 1, g: 3, mib: 40448}, "1c.3g.40gb"},
		{"H200 by size", total(gpus.H200_SXM5_141GB, "NVIDIA H200", 143771), part{c: 1, g: 1, mib: 16384}, "1g.18gb"},
		{"H200 double by size", total(gpus.H200_SXM5_141GB, "NVIDIA H200", 143771), part{c: 1, g: 1, mib: 33024}, "1g.35gb"},
		{"H200 three by size", total(gpus.H200_SXM5_141GB, "NVIDIA H200", 143771), part{c: 3, g: 3, mib: 71168}, "3g.71gb"},
		{"B200 by size", total(gpus.B200_SXM5_180GB, "NVIDIA B200", 183359), part{c: 1, g: 1, mib: 20992}, "1g.23gb"},
		{"B200 four by size", total(gpus.B200_SXM5_180GB, "NVIDIA B200", 183359), part{c: 4, g: 4, mib: 91136}, "4g.90gb"},
		{"nothing known", gpus.H100_SXM5_80GB, part{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := boxOf(c.kind)
			cut(device(s, 0), c.part)
			inv := Read(s, t.TempDir())
			count(t, 1, len(inv.Devices[0].MIG.Parts), "MIG devices")
			if p := inv.Devices[0].MIG.Parts[0]; p.Profile != c.want || p.ID != "MIG-GPU-0-0" {
				t.Errorf("it is %+v, want %s", p, c.want)
			}
		})
	}
}

// Ids, nodes, users and ended instances of MIG devices.
func TestMIGDevices(t *testing.T) {
	root := t.TempDir()
	minors := filepath.Join(root, "proc/driver/nvidia-caps/mig-minors")
	if err := os.MkdirAll(filepath.Dir(minors), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(minors, []byte("config 1\nmonitor 2\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := boxOf(gpus.H100_SXM5_80GB)
	cut(device(s, 0), part{name: "1g.10gb", gi: 1, pid: 77}, part{name: "1g.10gb", refused: true}, part{name: "2g.20gb", gi: 3})
	parts := Read(s, root).Devices[0].MIG.Parts
	count(t, 2, len(parts), "MIG devices")
	if want := []string{"/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap12", "/dev/nvidia-caps/nvidia-cap13"}; !slices.Equal(parts[0].Nodes, want) {
		t.Errorf("nodes %v, want %v", parts[0].Nodes, want)
	}
	if parts[0].Busy() == "" || parts[1].Busy() != "" {
		t.Errorf("in use: %q and %q, want the first alone", parts[0].Busy(), parts[1].Busy())
	}
	if parts[0].GI != 1 || parts[1].GI != 3 {
		t.Errorf("instances %d and %d", parts[0].GI, parts[1].GI)
	}
}

// Cases 38 to 46 and 65, as a driver tells them.
func TestConformance(t *testing.T) {
	h100 := func(edit func(*server.Device)) gpu.Inventory {
		s := boxOf(gpus.Multiple(2, gpus.H100_SXM5_80GB)...)
		edit(device(s, 0))
		return Read(s, t.TempDir())
	}
	for _, c := range []struct {
		id    string
		inv   gpu.Inventory
		check func(gpu.Device) bool
	}{
		{"38", h100(func(d *server.Device) {
			d.GetMigModeFunc = func() (int, int, nvml.Return) { return 0, 1, nvml.SUCCESS }
		}), func(d gpu.Device) bool { return d.MIG.Pending && !d.MIG.Enabled }},
		{"41", h100(func(d *server.Device) {
			d.GetUUIDFunc = func() (string, nvml.Return) { return "", nvml.ERROR_GPU_IS_LOST }
		}), func(d gpu.Device) bool { return strings.Contains(d.Health, "lost") }},
		{"43", h100(func(d *server.Device) { d.GetComputeRunningProcessesFunc = processes(4242, 4243) }), func(d gpu.Device) bool {
			return len(d.Processes) == 2 && *d.Processes[0].Memory == 1<<30 && d.Processes[1].Memory == nil && strings.Contains(d.Busy(), "pid 4242")
		}},
		{"45", h100(func(d *server.Device) {
			d.GetMemoryInfo_v2Func = func() (nvml.Memory_v2, nvml.Return) {
				return nvml.Memory_v2{Total: 80 << 30, Used: 40 << 30, Reserved: 480 << 20}, nvml.SUCCESS
			}
		}), func(d gpu.Device) bool { return strings.Contains(d.Busy(), "unknown owner (40 GiB") }},
		{"46", h100(func(d *server.Device) {
			d.GetComputeModeFunc = func() (nvml.ComputeMode, nvml.Return) { return nvml.COMPUTEMODE_PROHIBITED, nvml.SUCCESS }
		}), func(d gpu.Device) bool { return d.Unusable == "compute mode PROHIBITED" }},
		{"exclusive and drawn on", h100(func(d *server.Device) {
			d.GetComputeModeFunc = func() (nvml.ComputeMode, nvml.Return) { return nvml.COMPUTEMODE_EXCLUSIVE_PROCESS, nvml.SUCCESS }
			d.GetGraphicsRunningProcessesFunc = processes(9)
		}), func(d gpu.Device) bool { return strings.Contains(d.Busy(), "pid 9") }},
		{"a screen", h100(func(d *server.Device) { d.GetGraphicsRunningProcessesFunc = processes(9) }), func(d gpu.Device) bool {
			return d.Busy() == "" && d.Processes[0].Kind == gpu.Display
		}},
		{"a bad row", h100(func(d *server.Device) {
			d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 1, 1, false, true, nvml.SUCCESS }
		}), func(d gpu.Device) bool { return strings.Contains(d.Health, "remapping") }},
		{"switches that nobody manages", h100(func(d *server.Device) {
			d.GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) {
				return nvml.GpuFabricInfo{State: nvml.GPU_FABRIC_STATE_NOT_STARTED}, nvml.SUCCESS
			}
		}), func(d gpu.Device) bool { return d.Fabric == "not started" }},
		{"switches that failed", h100(func(d *server.Device) {
			d.GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) {
				return nvml.GpuFabricInfo{State: nvml.GPU_FABRIC_STATE_COMPLETED, Status: uint32(nvml.ERROR_TIMEOUT)}, nvml.SUCCESS
			}
		}), func(d gpu.Device) bool { return d.Fabric == "failed: timed out" }},
		{"a hypervisor's", h100(func(d *server.Device) {
			d.GetVirtualizationModeFunc = func() (nvml.GpuVirtualizationMode, nvml.Return) {
				return nvml.GPU_VIRTUALIZATION_MODE_HOST_VGPU, nvml.SUCCESS
			}
		}), func(d gpu.Device) bool { return d.Unusable != "" }},
		{"a vGPU with a plain name", h100(func(d *server.Device) {
			d.GetVirtualizationModeFunc = func() (nvml.GpuVirtualizationMode, nvml.Return) {
				return nvml.GPU_VIRTUALIZATION_MODE_VGPU, nvml.SUCCESS
			}
		}), func(d gpu.Device) bool { return d.Virtual && d.Type == "" }},
	} {
		t.Run(c.id, func(t *testing.T) {
			count(t, 2, len(c.inv.Devices), "devices")
			if !c.check(c.inv.Devices[0]) {
				t.Errorf("the first is %+v", c.inv.Devices[0])
			}
			if d := c.inv.Devices[1]; d.Health != "" || d.Unusable != "" || d.Busy() != "" || d.ID != "GPU-1" {
				t.Errorf("the second is %+v", d)
			}
		})
	}
}

// Case 41 at the handle already, and a GPU that is somebody else's.
func TestUnopened(t *testing.T) {
	s := boxOf(gpus.Multiple(3, gpus.H100_SXM5_80GB)...)
	open := s.DeviceGetHandleByIndexFunc
	s.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		switch i {
		case 0:
			return nil, nvml.ERROR_GPU_IS_LOST
		case 1:
			return nil, nvml.ERROR_NO_PERMISSION
		}
		return open(i)
	}
	d := Read(s, t.TempDir()).Devices
	count(t, 3, len(d), "devices")
	if d[0].Health == "" || d[1].Unusable == "" || d[2].ID != "GPU-2" || d[0].ID == d[1].ID {
		t.Errorf("they are %+v", d)
	}
}

// Case 65: a GPU that shares the machine's memory.
func TestConformance65(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "proc/meminfo"), []byte("MemTotal:       125512345 kB\nMemFree: 1 kB\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := boxOf(gpus.Config{Name: "NVIDIA GB10", PciDeviceId: 0x2e1210de})
	d := device(s, 0)
	d.GetMemoryInfo_v2Func = func() (nvml.Memory_v2, nvml.Return) { return nvml.Memory_v2{}, nvml.ERROR_NOT_SUPPORTED }
	d.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_NOT_SUPPORTED }
	d.GetMigModeFunc = func() (int, int, nvml.Return) { return 0, 0, nvml.ERROR_NOT_SUPPORTED }
	got := Read(s, root).Devices[0]
	if got.Type != "GB10" || !got.Unified || got.Memory == nil || *got.Memory != 125512345<<10 || got.MIG != nil {
		t.Errorf("it is %+v", got)
	}
	m, err := gpu.Find(gpu.Inventory{Devices: []gpu.Device{got}}, resources.Device{Quantity: 1, Device: "GB10"}, resources.AcceleratorProfile{})
	if err != nil || m.Count != 1 {
		t.Errorf("GB10:1 is %+v, %v", m, err)
	}
}

// Links count by what is at their other end.
func TestNVLinks(t *testing.T) {
	s := boxOf(gpus.Multiple(4, gpus.A100_SXM4_40GB)...)
	for i := range s.Devices {
		d := device(s, i)
		d.GetNvLinkStateFunc = func(link int) (nvml.EnableState, nvml.Return) {
			switch {
			case link < 2:
				return nvml.FEATURE_ENABLED, nvml.SUCCESS
			case link < 4:
				return nvml.FEATURE_DISABLED, nvml.SUCCESS
			}
			return 0, nvml.ERROR_INVALID_ARGUMENT
		}
		d.GetNvLinkRemotePciInfoFunc = func(int) (nvml.PciInfo, nvml.Return) {
			return nvml.PciInfo{BusId: bus(i ^ 1)}, nvml.SUCCESS // 0 with 1, 2 with 3
		}
	}
	d := Read(s, t.TempDir()).Devices
	if near, far := gpu.Linked(d[0], d[1]), gpu.Linked(d[0], d[2]); near != gpu.LinkNode+2*gpu.LinkNVLink || far != gpu.LinkNode {
		t.Errorf("0 to 1 is %d, 0 to 2 is %d", near, far)
	}
}

// What Init says, and the sentences that go with it (cases 62 and 64).
func TestInit(t *testing.T) {
	for ret, want := range map[nvml.Return]string{
		nvml.ERROR_LIBRARY_NOT_FOUND:       "no NVIDIA GPU available: libnvidia-ml.so.1 not found (is the NVIDIA driver installed?)",
		nvml.ERROR_DRIVER_NOT_LOADED:       "no NVIDIA GPU available: the NVIDIA kernel module is not loaded",
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: "no NVIDIA GPU available: driver library and kernel module versions differ; reboot after the driver upgrade",
		nvml.ERROR_UNKNOWN:                 "no NVIDIA GPU available: the driver library does not start: unknown error (NVML error 999)",
	} {
		inv := Read(&mock.Interface{InitFunc: func() nvml.Return { return ret }}, t.TempDir())
		if len(inv.Problems) != 1 || inv.Problems[0].Text != want || !inv.Problems[0].Fatal {
			t.Errorf("Init returns %d: %+v, want %s", ret, inv.Problems, want)
		}
	}
	if got := unready(nvml.ERROR_NO_PERMISSION, 1001).Text; got != "NVIDIA GPUs are present but not accessible to uid 1001 (check /dev/nvidia* permissions)" {
		t.Error(got)
	}
}

// A library that has only what the oldest has is asked for nothing else: the
// simulator panics where it is.
func TestOldLibrary(t *testing.T) {
	s := boxOf(gpus.H100_SXM5_80GB)
	old := []string{"nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo"}
	s.LookupSymbolFunc = func(name string) error {
		if slices.Contains(old, name) {
			return nil
		}
		return errors.New("undefined symbol: " + name)
	}
	d := device(s, 0)
	plain := &mock.Device{GetUUIDFunc: d.GetUUIDFunc, GetNameFunc: d.GetNameFunc, GetMemoryInfoFunc: d.GetMemoryInfoFunc}
	s.DeviceGetHandleByIndexFunc = func(int) (nvml.Device, nvml.Return) { return plain, nvml.SUCCESS }
	got := Read(s, t.TempDir()).Devices
	if len(got) != 1 || got[0].Type != "H100" || got[0].Health != "" || got[0].MIG != nil {
		t.Errorf("it has %+v", got)
	}
}
