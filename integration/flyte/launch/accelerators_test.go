// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"slices"
	"strings"
	"testing"

	"drydock/gpu"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// withGPU is a task that asks as the SDK does: a number among the requests, and
// a type beside them.
func withGPU(count string, a *core.GPUAccelerator) *task.TaskSpec {
	spec := withResources(taskOf("a0"), false, "MEMORY", "1Gi")
	if count != "" {
		spec = withResources(taskOf("a0"), false, "MEMORY", "1Gi", "GPU", count)
	}
	if a != nil {
		spec.TaskTemplate.ExtendedResources = &core.ExtendedResources{GpuAccelerator: a}
	}
	return spec
}

func TestAccelerators(t *testing.T) {
	two := gpu.Inventory{Devices: []gpu.Device{
		{ID: "GPU-0", Class: resources.ClassGPU, Type: "A100", Nodes: []string{"/dev/nvidia0"}},
		{ID: "GPU-1", Class: resources.ClassGPU, Index: 1, Type: "H100", Nodes: []string{"/dev/nvidia1"},
			MIG: &gpu.MIG{Enabled: true, Parts: []gpu.Part{{ID: "MIG-1", Profile: "1g.10gb"}}}},
		{ID: "mi300x", Class: resources.ClassAMD, Type: "MI300X", Nodes: []string{"/dev/kfd", "/dev/dri/renderD128"}},
	}}
	for name, tc := range map[string]struct {
		count string
		gpu   *core.GPUAccelerator
		want  string
	}{
		"a number":             {"1", nil, "GPU-0"},
		"as the SDK sends":     {"1", &core.GPUAccelerator{Device: "nvidia-tesla-a100"}, "GPU-0"},
		"as a label":           {"1", &core.GPUAccelerator{Device: "nvidia-a100"}, "GPU-0"},
		"as it is written":     {"1", &core.GPUAccelerator{Device: "A100"}, "GPU-0"},
		"a partition":          {"1", &core.GPUAccelerator{Device: "nvidia-tesla-h100", PartitionSizeValue: &core.GPUAccelerator_PartitionSize{PartitionSize: "1g.10gb"}}, "MIG-1"},
		"another vendor's":     {"1", &core.GPUAccelerator{Device: "MI300X", DeviceClass: core.GPUAccelerator_AMD_GPU}, "mi300x"},
		"none":                 {"0", nil, ""},
		"a type and no number": {"", &core.GPUAccelerator{Device: "nvidia-tesla-a100"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var seen sandbox.Spec
			box := &fake{sandboxtest.Fake{StartErr: func(spec sandbox.Spec) error { seen = spec; return nil }}}
			end := newBenchWith(t, box, two, nil).Launch(t.Context(), order(t, withGPU(tc.count, tc.gpu)))
			if end.Result == nil {
				t.Fatalf("got %+v", end)
			}
			got := ""
			if a := seen.Accelerators; a != nil {
				got = strings.Join(a.IDs, " ")
			}
			if got != tc.want {
				t.Errorf("it has %q, want %q", got, tc.want)
			}
			ignored := slices.ContainsFunc(end.Notes, func(n string) bool { return strings.Contains(n, "is ignored") && strings.Contains(n, `gpu="A100:1"`) })
			if ignored != (tc.count == "") {
				t.Errorf("notes %q", end.Notes)
			}
		})
	}
}

func TestAcceleratorsAreRefused(t *testing.T) {
	one := gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-0", Class: resources.ClassGPU, Type: "A100_80G"}}}
	for name, tc := range map[string]struct {
		inv   gpu.Inventory
		count string
		gpu   *core.GPUAccelerator
		code  string
		words []string
	}{
		"none here": {gpu.Inventory{}, "2", nil, codeNoAccelerator, []string{"accelerator: no NVIDIA GPU on this machine", "drydock up --gpu-missing=ignore",
			`or ask for none: .override(resources=flyte.Resources(memory="1Gi"))`}},
		"another one": {one, "1", &core.GPUAccelerator{Device: "nvidia-tesla-a100"}, codeNoAccelerator, []string{`no GPU of type "A100" on this machine (have: 1×A100_80G)`, "drydock up --gpu-substitute"}},
		"too many":    {one, "2", nil, codeNoAccelerator, []string{"request needs 2 NVIDIA GPUs but this machine has 1"}},
		"a TPU":       {one, "1", &core.GPUAccelerator{Device: "tpu-v5p-slice", DeviceClass: core.GPUAccelerator_GOOGLE_TPU}, codeNoAccelerator, []string{"V5P"}},
		"a Mac's":     {one, "1", &core.GPUAccelerator{Device: "AppleSilicon", DeviceClass: 5}, codeNoAppleSilicon, []string{"no Apple GPU"}},
	} {
		t.Run(name, func(t *testing.T) {
			end := newBenchWith(t, nil, tc.inv, nil).Launch(t.Context(), order(t, withGPU(tc.count, tc.gpu)))
			if end.Phase != failing || end.Retry != engine.RetryNever || end.Error.GetCode() != tc.code ||
				end.Error.GetKind() != user || end.Result != nil || end.Error.GetRecoverability() != core.ContainerError_NON_RECOVERABLE {
				t.Errorf("got %+v", end)
			}
			for _, word := range tc.words {
				if !strings.Contains(end.Error.GetMessage(), word) {
					t.Errorf("%q lacks %q", end.Error.GetMessage(), word)
				}
			}
		})
	}
}

// What the engine cannot pass is the machine's fault, and no other try mends it.
func TestAcceleratorsThatCannotBePassed(t *testing.T) {
	one := gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-0", Class: resources.ClassGPU, Type: "A100"}}}
	box := &fake{sandboxtest.Fake{StartErr: func(sandbox.Spec) error {
		return &sandbox.AcceleratorError{Message: "Docker cannot pass GPUs", Remedy: "install it"}
	}}}
	end := newBenchWith(t, box, one, nil).Launch(t.Context(), order(t, withGPU("1", nil)))
	if end.Error.GetCode() != codeNoAccelerator || end.Error.GetKind() != system || end.Retry != engine.RetryNever || !strings.Contains(end.Error.GetMessage(), "install it") {
		t.Errorf("got %+v", end)
	}
}
