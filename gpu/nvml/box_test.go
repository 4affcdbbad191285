// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"fmt"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/gpus"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"
)

// complete gives go-nvml's simulated boxes the answers that they lack: an
// idle GPU in its default mode. UUIDs are made plain.
func complete(s *server.Server) *server.Server {
	for i, d := range s.Devices {
		d := d.(*server.Device)
		d.UUID = fmt.Sprintf("GPU-%d", i)
		d.GetPciInfoFunc = func() (nvml.PciInfo, nvml.Return) {
			return nvml.PciInfo{PciDeviceId: d.Config.PciDeviceId, BusId: bus(i)}, nvml.SUCCESS
		}
		d.GetMemoryInfo_v2Func = func() (nvml.Memory_v2, nvml.Return) {
			return nvml.Memory_v2{Total: d.MemoryInfo.Total}, nvml.SUCCESS
		}
		d.GetComputeModeFunc = func() (nvml.ComputeMode, nvml.Return) { return nvml.COMPUTEMODE_DEFAULT, nvml.SUCCESS }
		d.GetVirtualizationModeFunc = func() (nvml.GpuVirtualizationMode, nvml.Return) {
			return nvml.GPU_VIRTUALIZATION_MODE_NONE, nvml.SUCCESS
		}
		d.GetDisplayActiveFunc = func() (nvml.EnableState, nvml.Return) { return nvml.FEATURE_DISABLED, nvml.SUCCESS }
		d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 0, 0, false, false, nvml.SUCCESS }
		d.GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) { return nvml.GpuFabricInfo{}, nvml.ERROR_NOT_SUPPORTED }
		d.GetTopologyCommonAncestorFunc = func(nvml.Device) (nvml.GpuTopologyLevel, nvml.Return) {
			return nvml.TOPOLOGY_NODE, nvml.SUCCESS
		}
		d.GetNvLinkStateFunc = func(int) (nvml.EnableState, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
		idle(&d.Device)
	}
	return s
}

func idle(d *mock.Device) {
	none := func() ([]nvml.ProcessInfo, nvml.Return) { return nil, nvml.SUCCESS }
	d.GetComputeRunningProcessesFunc = none
	d.GetGraphicsRunningProcessesFunc = none
	d.GetMPSComputeRunningProcessesFunc = none
}

func bus(i int) (id [32]int8) {
	for j, c := range fmt.Appendf(nil, "00000000:%02X:00.0", i+1) {
		id[j] = int8(c)
	}
	return id
}

func boxOf(kinds ...gpus.Config) *server.Server {
	s, err := server.New(server.WithGPUs(kinds...), server.WithDriverVersion("580.1"), server.WithCUDADriverVersion(13000))
	if err != nil {
		panic(err)
	}
	return complete(s)
}

func device(s *server.Server, i int) *server.Device { return s.Devices[i].(*server.Device) }

// part is a MIG device as a driver has it.
type part struct {
	name    string // "" is not told
	c, g    uint32
	mib     uint64
	gi, ci  int
	pid     uint32 // that computes on it; 0 is nobody
	refused bool   // ended meanwhile
}

// cut puts a GPU into MIG mode, with MIG devices at every second place.
func cut(d *server.Device, parts ...part) {
	d.MigMode = nvml.DEVICE_MIG_ENABLE
	d.GetMaxMigDeviceCountFunc = func() (int, nvml.Return) { return 2 * len(parts), nvml.SUCCESS }
	d.GetMigDeviceHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i%2 == 0 {
			return nil, nvml.ERROR_NOT_FOUND
		}
		p := parts[i/2]
		m := &mock.Device{
			GetUUIDFunc: func() (string, nvml.Return) {
				if p.refused {
					return "", nvml.ERROR_NOT_FOUND
				}
				return fmt.Sprintf("MIG-%s-%d", d.UUID, i/2), nvml.SUCCESS
			},
			GetNameFunc: func() (string, nvml.Return) {
				if p.name == "" {
					return "", nvml.ERROR_NOT_SUPPORTED
				}
				return d.Config.Name + " MIG " + p.name, nvml.SUCCESS
			},
			GetGpuInstanceIdFunc:     func() (int, nvml.Return) { return p.gi, nvml.SUCCESS },
			GetComputeInstanceIdFunc: func() (int, nvml.Return) { return p.ci, nvml.SUCCESS },
			GetAttributesFunc: func() (nvml.DeviceAttributes, nvml.Return) {
				return nvml.DeviceAttributes{GpuInstanceSliceCount: p.g, ComputeInstanceSliceCount: p.c, MemorySizeMB: p.mib}, nvml.SUCCESS
			},
		}
		idle(m)
		if p.pid != 0 {
			m.GetComputeRunningProcessesFunc = processes(p.pid)
		}
		return m, nvml.SUCCESS
	}
}

const notAvailable = ^uint64(0)

func processes(pids ...uint32) func() ([]nvml.ProcessInfo, nvml.Return) {
	return func() ([]nvml.ProcessInfo, nvml.Return) {
		var all []nvml.ProcessInfo
		for i, pid := range pids {
			memory := uint64(i+1) << 30
			if i == len(pids)-1 && len(pids) > 1 {
				memory = notAvailable
			}
			all = append(all, nvml.ProcessInfo{Pid: pid, UsedGpuMemory: memory})
		}
		return all, nvml.SUCCESS
	}
}

// total sets a card's memory in MiB.
func total(c gpus.Config, name string, mib uint64) gpus.Config {
	c.Name, c.MemoryMB = name, mib
	return c
}

func count(t *testing.T, want, got int, what string) {
	t.Helper()
	if want != got {
		t.Fatalf("%d %s, want %d", got, what, want)
	}
}
