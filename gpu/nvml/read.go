// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"fmt"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
	"drydock/gpu/discover"
	"drydock/resources"
)

// reader reads one inventory.
type reader struct {
	lib  nvml.Interface
	root string
	inv  gpu.Inventory
	// at are the handles of the devices of inv, with what only links need.
	at []handle
}

type handle struct {
	nvml.Device
	index int // in inv.Devices
	bus   string
}

// has reports whether the library has one of the functions. Asking for one
// that it lacks would end the process.
func (r *reader) has(functions ...string) bool {
	for _, name := range functions {
		if r.lib.Extensions().LookupSymbol(name) == nil {
			return true
		}
	}
	return false
}

func (r *reader) problem(fatal bool, format string, a ...any) {
	r.inv.Problems = append(r.inv.Problems, gpu.Problem{Class: resources.ClassGPU, Text: fmt.Sprintf(format, a...), Fatal: fatal})
}

func (r *reader) read() gpu.Inventory {
	r.inv.Devices = []gpu.Device{}
	r.inv.Driver = r.driver()
	if !r.has("nvmlDeviceGetCount_v2", "nvmlDeviceGetCount") || !r.has("nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex") {
		r.problem(true, "no NVIDIA GPU available: the driver library cannot list GPUs (it lacks nvmlDeviceGetCount or nvmlDeviceGetHandleByIndex)")
		return r.inv
	}
	count, ret := r.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		r.problem(true, "no NVIDIA GPU available: the driver cannot count them: %s", text(ret))
		return r.inv
	}
	if count == 0 {
		r.problem(true, "no NVIDIA GPU available: the driver finds none")
	}
	for i := range count {
		r.device(i)
	}
	r.links()
	return r.inv
}

func (r *reader) driver() *gpu.Driver {
	d := gpu.Driver{Source: "nvml"}
	if r.has("nvmlSystemGetDriverVersion") {
		d.Version, _ = r.lib.SystemGetDriverVersion()
	}
	if r.has("nvmlSystemGetCudaDriverVersion") {
		if v, ret := r.lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS && v > 0 {
			d.CUDA = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
		}
	}
	return &d
}

// device reads the GPU at i. One that cannot be opened is listed all the
// same: it is there, and somebody must mend it.
func (r *reader) device(i int) {
	d := gpu.Device{Class: resources.ClassGPU, Index: i, ID: gpu.ID(fmt.Sprintf("GPU-unreadable-%d", i))}
	h, ret := r.lib.DeviceGetHandleByIndex(i)
	switch ret {
	case nvml.SUCCESS:
	case nvml.ERROR_NO_PERMISSION:
		d.Unusable = "no permission to open it"
		r.inv.Devices = append(r.inv.Devices, d)
		return
	default:
		d.Health = text(ret)
		r.inv.Devices = append(r.inv.Devices, d)
		return
	}
	bus := r.identity(&d, h)
	if d.Health == "" {
		r.memory(&d, h)
		d.Type, d.Rule = gpu.TypeOf(d.Name, d.PCIID, d.Memory)
		r.mode(&d, h)
		r.partition(&d, h)
		r.health(&d, h)
		d.Fabric = r.fabric(h)
		d.Processes = r.processes(h)
	}
	r.at = append(r.at, handle{h, len(r.inv.Devices), bus})
	r.inv.Devices = append(r.inv.Devices, d)
}

// identity reads who the GPU is, and returns its PCI address.
func (r *reader) identity(d *gpu.Device, h nvml.Device) (bus string) {
	uuid, ret := h.GetUUID()
	if ret != nvml.SUCCESS {
		d.Health = text(ret)
		return ""
	}
	d.ID = gpu.ID(uuid)
	if d.Name, ret = h.GetName(); ret != nvml.SUCCESS {
		d.Name = ""
	}
	if r.has("nvmlDeviceGetPciInfo", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo_v3") {
		if pci, ret := h.GetPciInfo(); ret == nvml.SUCCESS {
			d.PCI, d.PCIID = discover.PCIAddress(cString(pci.BusId[:])), pci.PciDeviceId
		}
	}
	if r.has("nvmlDeviceGetMinorNumber") {
		if minor, ret := h.GetMinorNumber(); ret == nvml.SUCCESS {
			d.Nodes = []string{fmt.Sprintf("/dev/nvidia%d", minor)}
		}
	}
	d.Virtual = gpu.IsVirtual(d.Name)
	return d.PCI
}

// memory prefers the call that tells what the driver keeps for itself.
func (r *reader) memory(d *gpu.Device, h nvml.Device) {
	if r.has("nvmlDeviceGetMemoryInfo_v2") {
		if m, ret := h.GetMemoryInfo_v2(); ret == nvml.SUCCESS {
			// since its second version, used does not count what is reserved
			d.Memory, d.Used = size(m.Total), size(m.Used)
			return
		}
	}
	if !r.has("nvmlDeviceGetMemoryInfo") {
		return
	}
	m, ret := h.GetMemoryInfo()
	switch ret {
	case nvml.SUCCESS:
		// the first version counts what is reserved as used, and does not say
		// how much that is: too little to tell a stranger by
		d.Memory = size(m.Total)
	case nvml.ERROR_NOT_SUPPORTED: // an integrated GPU, such as GB10
		d.Memory, d.Unified = discover.MachineMemory(r.root), true
	default:
		d.Health = "its memory cannot be read: " + text(ret)
	}
}

// mode reads who may use it, and for what.
func (r *reader) mode(d *gpu.Device, h nvml.Device) {
	if d.Name == "DGX Display" || d.Name == "NVIDIA DGX Display" { // never a compute device (go-nvlib pkg/nvlib/device/api.go)
		d.Unusable = "it only drives screens"
	}
	if r.has("nvmlDeviceGetComputeMode") {
		mode, ret := h.GetComputeMode()
		switch {
		case ret != nvml.SUCCESS:
		case mode == nvml.COMPUTEMODE_PROHIBITED:
			d.Unusable = "compute mode PROHIBITED"
		case mode == nvml.COMPUTEMODE_EXCLUSIVE_PROCESS || mode == nvml.COMPUTEMODE_EXCLUSIVE_THREAD:
			d.Exclusive = true
		}
	}
	if r.has("nvmlDeviceGetVirtualizationMode") {
		mode, ret := h.GetVirtualizationMode()
		switch {
		case ret != nvml.SUCCESS:
		case mode == nvml.GPU_VIRTUALIZATION_MODE_VGPU:
			d.Virtual, d.Type, d.Rule = true, "", "a vGPU has no type"
		case mode == nvml.GPU_VIRTUALIZATION_MODE_HOST_VGPU || mode == nvml.GPU_VIRTUALIZATION_MODE_HOST_VSGA:
			d.Unusable = "a hypervisor shares it out (vGPU host)"
		}
	}
	// Active, not attached: a data-centre card with no connector says that a
	// display is attached (an H100 with driver 580 does).
	if r.has("nvmlDeviceGetDisplayActive") {
		active, ret := h.GetDisplayActive()
		d.Display = ret == nvml.SUCCESS && active == nvml.FEATURE_ENABLED
	}
}

// health asks for what stays wrong until somebody mends it. XIDs are events:
// nobody who comes later hears of them.
func (r *reader) health(d *gpu.Device, h nvml.Device) {
	if d.Health != "" || !r.has("nvmlDeviceGetRemappedRows") {
		return
	}
	_, _, _, failed, ret := h.GetRemappedRows()
	switch {
	case ret == nvml.ERROR_GPU_IS_LOST:
		d.Health = text(ret)
	case ret == nvml.SUCCESS && failed:
		d.Health = "remapping a bad row of its memory failed"
	}
}

// fabricStates are nvml.h's. Until it is completed no CUDA program starts.
var fabricStates = map[uint8]string{
	nvml.GPU_FABRIC_STATE_NOT_STARTED: "not started", nvml.GPU_FABRIC_STATE_IN_PROGRESS: "in progress", nvml.GPU_FABRIC_STATE_COMPLETED: "completed",
}

func (r *reader) fabric(h nvml.Device) string {
	if !r.has("nvmlDeviceGetGpuFabricInfo") {
		return ""
	}
	info, ret := h.GetGpuFabricInfo()
	if ret != nvml.SUCCESS {
		return ""
	}
	state := fabricStates[info.State]
	if status := nvml.Return(info.Status); info.State == nvml.GPU_FABRIC_STATE_COMPLETED && status != nvml.SUCCESS {
		return "failed: " + text(status)
	}
	return state
}

// processes lists who uses a GPU or a MIG device. Nothing is known where the
// driver does not tell.
func (r *reader) processes(h nvml.Device) []gpu.Process {
	kinds := []struct {
		kind gpu.Kind
		name string
		list func() ([]nvml.ProcessInfo, nvml.Return)
	}{
		{gpu.Compute, "nvmlDeviceGetComputeRunningProcesses", h.GetComputeRunningProcesses},
		{gpu.Compute, "nvmlDeviceGetMPSComputeRunningProcesses", h.GetMPSComputeRunningProcesses},
		{gpu.Display, "nvmlDeviceGetGraphicsRunningProcesses", h.GetGraphicsRunningProcesses},
	}
	var all []gpu.Process
	seen := map[int]bool{}
	for _, k := range kinds {
		if !r.has(k.name, k.name+"_v2", k.name+"_v3") {
			continue
		}
		infos, ret := k.list()
		if ret != nvml.SUCCESS {
			continue
		}
		for _, info := range infos {
			if pid := int(info.Pid); !seen[pid] { // one that computes and draws is named first as what it computes
				seen[pid] = true
				all = append(all, gpu.Process{PID: pid, Kind: k.kind, Memory: size(info.UsedGpuMemory)})
			}
		}
	}
	return all
}

// size is nil for what NVML calls not available: all ones.
func size(n uint64) *int64 {
	if n > 1<<62 {
		return nil
	}
	v := int64(n)
	return &v
}

// cString reads a C string out of a field of fixed size.
func cString(field []int8) string {
	var b strings.Builder
	for _, c := range field {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}
