// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// levels are the scores of common ancestors.
var levels = map[nvml.GpuTopologyLevel]int{
	nvml.TOPOLOGY_INTERNAL: gpu.LinkBoard, nvml.TOPOLOGY_SINGLE: gpu.LinkSingle, nvml.TOPOLOGY_MULTIPLE: gpu.LinkMultiple,
	nvml.TOPOLOGY_HOSTBRIDGE: gpu.LinkHost, nvml.TOPOLOGY_NODE: gpu.LinkNode, nvml.TOPOLOGY_SYSTEM: gpu.LinkSystem,
}

// links scores the ways between GPUs. Behind a switch for NVLink all ways are
// alike, and links to it count for nobody.
func (r *reader) links() {
	if len(r.at) < 2 {
		return
	}
	for _, a := range r.at {
		d := &r.inv.Devices[a.index]
		if d.Health != "" {
			continue
		}
		d.Links = map[gpu.ID]int{}
		nvlinks := r.nvlinks(a)
		for _, b := range r.at {
			other := r.inv.Devices[b.index]
			if a.index == b.index || other.Health != "" {
				continue
			}
			d.Links[other.ID] = r.ancestor(a, b) + gpu.LinkNVLink*nvlinks[b.bus]
		}
	}
}

func (r *reader) ancestor(a, b handle) int {
	if !r.has("nvmlDeviceGetTopologyCommonAncestor") {
		return 0
	}
	level, ret := a.GetTopologyCommonAncestor(b.Device)
	if ret != nvml.SUCCESS {
		return 0
	}
	return levels[level]
}

// nvlinks counts a GPU's links by the PCI address at the other end.
func (r *reader) nvlinks(a handle) map[string]int {
	to := map[string]int{}
	if !r.has("nvmlDeviceGetNvLinkState") || !r.has("nvmlDeviceGetNvLinkRemotePciInfo_v2", "nvmlDeviceGetNvLinkRemotePciInfo") {
		return to
	}
	for link := range nvml.NVLINK_MAX_LINKS {
		state, ret := a.GetNvLinkState(link)
		if ret == nvml.ERROR_NOT_SUPPORTED || ret == nvml.ERROR_INVALID_ARGUMENT { // no such link, so none after it
			break
		}
		if ret != nvml.SUCCESS || state != nvml.FEATURE_ENABLED {
			continue
		}
		if pci, ret := a.GetNvLinkRemotePciInfo(link); ret == nvml.SUCCESS {
			if address := discover.PCIAddress(cString(pci.BusId[:])); address != "" {
				to[address]++
			}
		}
	}
	return to
}
