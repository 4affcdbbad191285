// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"drydock/executor"
	"drydock/gpu"
	"drydock/integration/engines"
	"drydock/resources"
	"drydock/sandbox"
)

// A task that the engine cannot give its GPU is refused with what is missing,
// for good: the GPU is free for the next, no container is left, and tasks
// without one go on.
func TestRefusedGPUIsGivenBack(t *testing.T) {
	for _, e := range engines.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			c := second(t, e)
			before := ours(t, c)
			leases := t.TempDir()
			s := newSandbox(t, e, leases)
			x, err := executor.New(executor.Config{
				Images:   func(context.Context) (sandbox.Sandbox, error) { return s, nil },
				StateDir: t.TempDir(), LeaseDir: leases,
				Devices: func(context.Context) gpu.Inventory {
					return gpu.Inventory{Devices: []gpu.Device{{ID: wholeGPU, Class: resources.ClassGPU, Name: "NVIDIA A100-SXM4-40GB", Type: "A100", Nodes: []string{"/dev/nvidia0"}}}}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			device, _, err := resources.ParseGPU("A100:1")
			if err != nil {
				t.Fatal(err)
			}
			task := executor.Task{
				Image: engines.Busybox(t, e), Command: []string{"true"}, Network: sandbox.NetworkNone,
				Resources: resources.Resources{Memory: resources.Of("64Mi"), CPU: resources.Of("100m"), GPU: device},
				Retries:   executor.Retries{Count: 3},
			}
			for range 2 { // the second does not wait for what the first had
				result, err := x.Run(t.Context(), task)
				v := result.Verdict
				if v.Class != executor.Refused || v.Code != executor.CodeAcceleratorNotAvailable || v.Kind != executor.KindSystem || len(result.Attempts) > 1 {
					t.Errorf("%+v after %d attempts, %v", v, len(result.Attempts), err)
				}
				refused, ok := errors.AsType[*executor.RefusedError](err)
				if !ok || !strings.HasPrefix(v.Message, "accelerator: ") || refused.Remedy == "" && len(v.Hints) == 0 {
					t.Errorf("it says %+v, %#v", v, err)
				}
			}
			task.Resources.GPU = nil
			if result, err := x.Run(t.Context(), task); err != nil {
				t.Errorf("a task without a GPU: %+v, %v", result.Verdict, err)
			}
			if after := ours(t, c); len(after) != len(before) {
				t.Errorf("containers before %+v, after %+v", before, after)
			}
		})
	}
}
