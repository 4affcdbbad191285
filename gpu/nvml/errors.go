// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
	"drydock/gpu/discover"
	"drydock/resources"
)

// unready is why the library cannot be used at all.
func unready(ret nvml.Return, uid int) gpu.Problem {
	p := gpu.Problem{Class: resources.ClassGPU, Fatal: true}
	switch ret {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return discover.NoLibrary()
	case nvml.ERROR_DRIVER_NOT_LOADED:
		p.Text = "no NVIDIA GPU available: the NVIDIA kernel module is not loaded"
		p.Remedy = "load it: modprobe nvidia, or reboot after installing the driver"
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		p.Text = "no NVIDIA GPU available: driver library and kernel module versions differ; reboot after the driver upgrade"
	case nvml.ERROR_NO_PERMISSION:
		p.Text = fmt.Sprintf("NVIDIA GPUs are present but not accessible to uid %d (check /dev/nvidia* permissions)", uid)
	default:
		p.Text = fmt.Sprintf("no NVIDIA GPU available: the driver library does not start: %s (NVML error %d)", text(ret), ret)
	}
	return p
}

// texts of the errors that a handle or a call can end with. The library has
// its own, but only while it is loaded, and of nvmlErrorString nobody can say
// that it is there.
var texts = map[nvml.Return]string{
	nvml.ERROR_UNINITIALIZED:      "not initialized",
	nvml.ERROR_INVALID_ARGUMENT:   "invalid argument",
	nvml.ERROR_NOT_SUPPORTED:      "not supported",
	nvml.ERROR_NO_PERMISSION:      "no permission",
	nvml.ERROR_NOT_FOUND:          "not found",
	nvml.ERROR_INSUFFICIENT_POWER: "insufficient power: check the external power cables",
	nvml.ERROR_DRIVER_NOT_LOADED:  "the driver is not loaded",
	nvml.ERROR_TIMEOUT:            "timed out",
	nvml.ERROR_IRQ_ISSUE:          "the kernel found an interrupt problem",
	nvml.ERROR_GPU_IS_LOST:        "the GPU is lost: it fell off the bus",
	nvml.ERROR_RESET_REQUIRED:     "the GPU needs a reset",
	nvml.ERROR_OPERATING_SYSTEM:   "refused by the operating system",
	nvml.ERROR_IN_USE:             "in use",
	nvml.ERROR_MEMORY:             "out of memory",
	nvml.ERROR_UNKNOWN:            "unknown error",
}

func text(ret nvml.Return) string {
	if s, ok := texts[ret]; ok {
		return s
	}
	return fmt.Sprintf("NVML error %d", ret)
}
