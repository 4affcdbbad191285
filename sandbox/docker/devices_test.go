// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
)

func gpus(ids ...string) *sandbox.Accelerators {
	return &sandbox.Accelerators{
		Class: sandbox.ClassNVIDIA, IDs: ids, Nodes: []string{"/dev/nvidia0"},
		Env: []string{"CUDA_VISIBLE_DEVICES=" + strings.Join(ids, ","), "CUDA_DEVICE_ORDER=PCI_BUS_ID",
			"NVIDIA_VISIBLE_DEVICES=void", "DRYDOCK_ACCELERATORS=" + strings.Join(ids, ",")},
	}
}

func TestChooseWay(t *testing.T) {
	docker := engine.Info{Product: "Docker Engine", Version: "28.5.2", Local: true, Runtimes: []string{"runc"}}
	toolkit := engine.Info{Product: "Docker Engine", Version: "24.0.7", Local: true, Runtimes: []string{"nvidia", "runc"}}
	podman := engine.Info{Product: "Podman", Version: "5.4.0", Local: true}
	old := engine.Info{Product: "Podman", Version: "4.9.3", Local: true}
	far := engine.Info{Product: "Docker Engine", Version: "28.5.2", Remote: "it is reached over the network"}
	listed := []string{"nvidia.com/gpu=0", "nvidia.com/gpu=GPU-a", "nvidia.com/gpu=MIG-b", "nvidia.com/gpu=all"}
	amd := &sandbox.Accelerators{Class: "AMD_GPU", IDs: []string{"x"}, Nodes: []string{"/dev/kfd"}}
	for name, tc := range map[string]struct {
		info   engine.Info
		a      *sandbox.Accelerators
		listed []string
		want   way
		says   string
	}{
		"CDI":                      {info: docker, a: gpus("GPU-a"), listed: listed, want: byCDI},
		"CDI for parts":            {info: docker, a: gpus("GPU-a", "MIG-b"), listed: listed, want: byCDI},
		"one is not listed":        {info: docker, a: gpus("GPU-a", "GPU-c"), listed: listed, want: besideCDI},
		"CDI before the runtime":   {info: toolkit, a: gpus("GPU-a"), listed: listed, want: byCDI},
		"the runtime":              {info: toolkit, a: gpus("GPU-a"), want: byRuntime},
		"no index for an id":       {info: docker, a: gpus("GPU-z"), listed: []string{"nvidia.com/gpu=0", "nvidia.com/gpu=all"}, want: besideCDI},
		"another vendor's CDI":     {info: docker, a: gpus("GPU-a"), listed: []string{"amd.com/gpu=0"}, want: byRequest},
		"nobody knows":             {info: docker, a: gpus("GPU-a"), want: byRequest},
		"far away, by id":          {info: far, a: gpus("GPU-a"), want: byRequest},
		"plain nodes":              {info: docker, a: amd, want: byNodes},
		"plain nodes with Podman":  {info: old, a: amd, want: byNodes},
		"nodes of another machine": {info: far, a: amd, says: "over the network"},
		"Podman":                   {info: podman, a: gpus("GPU-a"), listed: listed, want: byCDI},
		"Podman without CDI":       {info: podman, a: gpus("GPU-a"), says: "no CDI specification of this machine names nvidia.com/gpu=GPU-a"},
		"Podman, stale":            {info: podman, a: gpus("GPU-a", "GPU-c"), listed: listed, says: "names nvidia.com/gpu=GPU-c"},
		"old Podman":               {info: old, a: gpus("GPU-a"), listed: listed, says: "Podman 4.9.3 ignores GPUs"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := chooseWay(tc.info, tc.a, tc.listed)
			if tc.says == "" {
				if err != nil || got != tc.want {
					t.Errorf("got %q, %v; want %q", got, err, tc.want)
				}
				return
			}
			if e, ok := errors.AsType[*sandbox.AcceleratorError](err); !ok || !strings.Contains(e.Message, tc.says) || e.Remedy == "" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// The devices are asked for by their ids, never by a count, and the variables
// say the same; values of the task's own do not count.
func TestAddDevices(t *testing.T) {
	const cuda, order, ours = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER=PCI_BUS_ID", "DRYDOCK_ACCELERATORS=GPU-a,MIG-b"
	own := []string{"A=1", "NVIDIA_VISIBLE_DEVICES=all", "CUDA_VISIBLE_DEVICES=3", "NVIDIA_DRIVER_CAPABILITIES=all", "DRYDOCK_ACCELERATORS=x"}
	amd := &sandbox.Accelerators{Class: "AMD_GPU", Nodes: []string{"/dev/kfd", "/dev/dri/renderD128"}, Groups: []int{105}, Env: []string{"DRYDOCK_ACCELERATORS=y"}}
	for name, tc := range map[string]struct {
		a      *sandbox.Accelerators
		w      way
		podman bool
		want   engine.Container
	}{
		"none": {want: engine.Container{
			Env:    []string{"A=1", "CUDA_VISIBLE_DEVICES=3", "NVIDIA_DRIVER_CAPABILITIES=all", "DRYDOCK_ACCELERATORS=x", noGPU},
			CapAdd: []string{"CHOWN", "MKNOD"}}},
		"CDI": {a: gpus("GPU-a", "MIG-b"), w: byCDI, want: engine.Container{
			Env: []string{"A=1", order, ours, cuda, noGPU}, CapAdd: []string{"CHOWN"},
			Request: &engine.DeviceRequest{Driver: "cdi", IDs: []string{"nvidia.com/gpu=GPU-a", "nvidia.com/gpu=MIG-b"}}}},
		"CDI with Podman": {a: gpus("GPU-a", "MIG-b"), w: byCDI, podman: true, want: engine.Container{
			Env: []string{"A=1", order, ours, noGPU}, CapAdd: []string{"CHOWN"},
			Request: &engine.DeviceRequest{Driver: "cdi", IDs: []string{"nvidia.com/gpu=GPU-a", "nvidia.com/gpu=MIG-b"}}}},
		"request": {a: gpus("GPU-a", "MIG-b"), w: byRequest, want: engine.Container{
			Env: []string{"A=1", order, ours, cuda}, CapAdd: []string{"CHOWN"},
			Request: &engine.DeviceRequest{Driver: "nvidia", IDs: []string{"GPU-a", "MIG-b"}, Capabilities: []string{"gpu", "compute", "utility"}}}},
		"runtime": {a: gpus("GPU-a", "MIG-b"), w: byRuntime, want: engine.Container{
			Env: []string{"A=1", order, ours, cuda, "NVIDIA_VISIBLE_DEVICES=GPU-a,MIG-b", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"}, CapAdd: []string{"CHOWN"},
			Runtime: "nvidia"}},
		"nodes": {a: amd, w: byNodes, want: engine.Container{
			Env:    []string{"A=1", "CUDA_VISIBLE_DEVICES=3", "NVIDIA_DRIVER_CAPABILITIES=all", "DRYDOCK_ACCELERATORS=y", noGPU},
			CapAdd: []string{"CHOWN"}, Devices: amd.Nodes, Groups: []string{"105"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := engine.Container{Env: own, CapAdd: []string{"CHOWN", "MKNOD"}}
			addDevices(&got, tc.a, tc.w, tc.podman)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An image for other processors is told from one for the engine's own.
func TestForeign(t *testing.T) {
	for platform, want := range map[string]bool{"linux/amd64": true, "linux/arm64": false, "linux/arm64/v8": false, "linux/": false, "": false} {
		if got := foreign(platform, engine.Info{Arch: "arm64"}); got != want {
			t.Errorf("%q: %v", platform, got)
		}
	}
}

func TestDeviceEnforcement(t *testing.T) {
	if rows := deviceEnforcement(engine.Info{}, nil, ""); rows != nil {
		t.Errorf("without devices: %+v", rows)
	}
	for w, says := range map[way]string{byCDI: "by CDI", byRuntime: "the runtime nvidia", byNodes: "device nodes", "": "no others"} {
		for rootless, state := range map[bool]sandbox.EnforceState{false: sandbox.Enforced, true: sandbox.Emulated} {
			rows := deviceEnforcement(engine.Info{Rootless: rootless}, gpus("GPU-a"), w)
			if len(rows) != 1 || rows[0].Limit != "accelerators" || w != "" && rows[0].State != state || !strings.Contains(rows[0].Why, says) {
				t.Errorf("%q, rootless %v: %+v", w, rootless, rows)
			}
		}
	}
}
