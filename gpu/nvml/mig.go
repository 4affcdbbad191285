// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// partition reads MIG mode and the MIG devices that exist. It asks for
// nothing that only root may know: not for instances, only for handles.
func (r *reader) partition(d *gpu.Device, h nvml.Device) {
	if !r.has("nvmlDeviceGetMigMode") {
		return
	}
	current, next, ret := h.GetMigMode()
	if ret != nvml.SUCCESS { // not supported: the GPU cannot be partitioned
		return
	}
	d.MIG = &gpu.MIG{Enabled: current == nvml.DEVICE_MIG_ENABLE, Pending: current != next}
	if !d.MIG.Enabled || !r.has("nvmlDeviceGetMaxMigDeviceCount") || !r.has("nvmlDeviceGetMigDeviceHandleByIndex") {
		return
	}
	most, ret := h.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		r.problem(false, "the MIG devices of %s cannot be listed: %s", d.ID, text(ret))
		return
	}
	caps := discover.MIGNodes(r.root)
	for i := range most {
		m, ret := h.GetMigDeviceHandleByIndex(i)
		switch ret {
		case nvml.SUCCESS:
			if p, ok := r.part(*d, m, caps); ok {
				d.MIG.Parts = append(d.MIG.Parts, p)
			}
		case nvml.ERROR_NOT_FOUND, nvml.ERROR_INVALID_ARGUMENT: // an empty place
		default:
			r.problem(false, "MIG device %d of %s cannot be read: %s", i, d.ID, text(ret))
		}
	}
}

// part reads one MIG device. An instance that ended meanwhile is none.
func (r *reader) part(d gpu.Device, m nvml.Device, caps func(minorNode string, gi, ci int) []string) (gpu.Part, bool) {
	uuid, ret := m.GetUUID()
	if ret != nvml.SUCCESS {
		return gpu.Part{}, false
	}
	p := gpu.Part{ID: gpu.ID(uuid), GI: -1, CI: -1}
	if r.has("nvmlDeviceGetGpuInstanceId") {
		if id, ret := m.GetGpuInstanceId(); ret == nvml.SUCCESS {
			p.GI = id
		}
	}
	if r.has("nvmlDeviceGetComputeInstanceId") {
		if id, ret := m.GetComputeInstanceId(); ret == nvml.SUCCESS {
			p.CI = id
		}
	}
	r.profile(d, m, &p)
	p.Processes = r.processes(m)
	if len(d.Nodes) > 0 {
		p.Nodes = append([]string{d.Nodes[0]}, caps(d.Nodes[0], p.GI, p.CI)...)
	}
	return p, true
}

// profile takes the name that the driver gives the device, and else works it
// out of its sizes. The suffix (+me) is only in the name.
func (r *reader) profile(d gpu.Device, m nvml.Device, p *gpu.Part) {
	var attributes nvml.DeviceAttributes
	known := false
	if r.has("nvmlDeviceGetAttributes_v2", "nvmlDeviceGetAttributes") {
		var ret nvml.Return
		attributes, ret = m.GetAttributes()
		known = ret == nvml.SUCCESS
	}
	if known {
		mib := int64(attributes.MemorySizeMB) << 20
		p.Memory = &mib
	}
	if name, ret := m.GetName(); ret == nvml.SUCCESS {
		p.Raw = name
		if profile, ok := gpu.ProfileFromName(name); ok {
			p.Profile = gpu.Canonical(d.Type, profile)
			return
		}
	}
	if known && d.Memory != nil {
		if profile, ok := gpu.ProfileFromSizes(int(attributes.ComputeInstanceSliceCount), int(attributes.GpuInstanceSliceCount),
			attributes.MemorySizeMB, uint64(*d.Memory)>>20); ok {
			p.Profile = gpu.Canonical(d.Type, profile)
		}
	}
}
