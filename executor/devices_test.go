// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/gpu"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// a100s is a machine with so many.
func a100s(n int) gpu.Inventory {
	var inv gpu.Inventory
	for i := range n {
		inv.Devices = append(inv.Devices, gpu.Device{ID: gpu.ID(fmt.Sprintf("GPU-%d", i)), Class: resources.ClassGPU, Index: i,
			Name: "NVIDIA A100-SXM4-40GB", Type: "A100", Nodes: []string{fmt.Sprintf("/dev/nvidia%d", i)}})
	}
	return inv
}

// asking is a task for devices as gpu= has them.
func asking(t testing.TB, gpu string, words ...string) Task {
	t.Helper()
	device, _, err := resources.ParseGPU(gpu)
	if err != nil {
		t.Fatal(err)
	}
	task := hog(words...)
	task.Resources.GPU = device
	return task
}

// seen remembers the specs that a sandbox was given.
type seen struct {
	mu    sync.Mutex
	specs []sandbox.Spec
}

// fake is a sandbox that shows its specs.
func (s *seen) fake() *sandboxtest.Fake {
	return &sandboxtest.Fake{StartErr: func(spec sandbox.Spec) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.specs = append(s.specs, spec)
		return nil
	}}
}

func (s *seen) last() sandbox.Spec { return s.specs[len(s.specs)-1] }

// A task gets exactly what it asked for, and what it got is told and kept.
func TestAcceleratorsAreGiven(t *testing.T) {
	var seen seen
	x := newExecutor(t, func(c *Config) { c.Sandbox, c.Devices = seen.fake(), equipped(a100s(2)) })
	var admitted *Admitted
	result, err := x.Run(t.Context(), asking(t, "A100:1", "exit", "0"), WithEvents(func(e Event) {
		if e.Admitted != nil {
			admitted = e.Admitted
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := &Accelerators{Class: resources.ClassGPU, Devices: []HeldDevice{{ID: "GPU-0", As: "A100"}}}
	diff(t, want, admitted.Accelerators)
	diff(t, want, result.Attempts[0].Accelerators)
	spec := seen.last()
	diff(t, &sandbox.Accelerators{Class: "GPU", IDs: []string{"GPU-0"},
		Nodes: []string{"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"},
		Env:   []string{"DRYDOCK_ACCELERATORS=GPU-0", "CUDA_VISIBLE_DEVICES=GPU-0", "CUDA_DEVICE_ORDER=PCI_BUS_ID", "NVIDIA_VISIBLE_DEVICES=void"}}, spec.Accelerators)
	diff(t, []sandbox.Device{{ID: "GPU-0"}}, spec.Holds.Devices)
	recorded, err := ReadRecorded(x.StateDir(), result.ID)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, want, recorded.Attempts[0].Accelerators)
	diff(t, want, recorded.Result.Attempts[0].Accelerators)
	devicesFree(t, x)
}

// A refusal says what was asked and what is here, and is nobody's to retry.
func TestAcceleratorsAreRefused(t *testing.T) {
	x := newExecutor(t, func(c *Config) { c.Devices = equipped(a100s(2)) })
	result, err := x.Run(t.Context(), asking(t, "H100:1", "exit", "0"))
	if !isA(func(e *RefusedError) bool {
		return strings.HasPrefix(e.Reason, `accelerator: no GPU of type "H100" on this machine (have: 2×A100)`) && e.Remedy != ""
	})(err) || result.Verdict.Class != Refused || result.Verdict.Code != "AcceleratorNotAvailable" || len(result.Attempts) > 0 {
		t.Errorf("%+v: %v", result.Verdict, err)
	}
}

// With missing: ignore the task runs without, and everybody is told so.
func TestAcceleratorsAreIgnored(t *testing.T) {
	for name, inv := range map[string]gpu.Inventory{"none here": {}, "others here": a100s(1)} {
		t.Run(name, func(t *testing.T) {
			var seen seen
			x := newExecutor(t, func(c *Config) {
				p := resources.DefaultProfile()
				p.Accelerators.Missing = "ignore"
				c.Sandbox, c.Devices, c.Profile = seen.fake(), equipped(inv), &p
			})
			result, err := x.Run(t.Context(), asking(t, "H100:8", "exit", "0"))
			if err != nil {
				t.Fatal(err)
			}
			if a := result.Attempts[0].Accelerators; a == nil || a.Ignored == "" || seen.last().Accelerators != nil {
				t.Errorf("%+v, spec %+v", a, seen.last().Accelerators)
			}
			if !slices.ContainsFunc(result.Limits, func(e sandbox.Enforcement) bool {
				return e.Limit == "gpu" && e.State == sandbox.NotEnforced && strings.Contains(e.Why, "runs without, as --gpu-missing=ignore allows: no GPU") ||
					strings.Contains(e.Why, "no NVIDIA GPU")
			}) {
				t.Errorf("limits %+v", result.Limits)
			}
		})
	}
}

// What a node is taken for counts, and is not to be seen.
func TestAcceleratorsArePretended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen seen
		two := *asking(t, "A100:2").Resources.GPU
		x := newExecutor(t, func(c *Config) { c.Sandbox, c.Devices = seen.fake(), equipped(gpu.Pretend([]resources.Device{two})) })
		var waited sync.WaitGroup
		for range 3 { // at a time there is room for one
			waited.Go(func() {
				result, err := x.Run(t.Context(), asking(t, "A100:2", "sleep", "1000", "exit", "0"))
				if err != nil || !result.Attempts[0].Accelerators.Pretended {
					t.Errorf("%+v, %v", result, err)
				}
			})
		}
		began := time.Now()
		waited.Wait()
		if lasted := time.Since(began); lasted < 3*time.Second {
			t.Errorf("three after one another took %v", lasted)
		}
		if a := seen.last().Accelerators; a != nil {
			t.Errorf("the task sees %+v", a)
		}
		_, err := x.Run(t.Context(), asking(t, "A100:3", "exit", "0"))
		if !isA(func(e *RefusedError) bool {
			return strings.Contains(e.Error(), "request needs 3 A100s but this machine has 2")
		})(err) {
			t.Error(err)
		}
	})
}

// Case 58: what a task says of devices does not count while it has some.
func TestProtectedVariables(t *testing.T) {
	t.Setenv("CUDA_VISIBLE_DEVICES", "7") // the caller's own is nobody's mistake
	for _, tc := range []struct {
		gpu      string
		kept     bool
		warnings int
	}{{"A100:1", false, 2}, {"", true, 0}} {
		var seen seen
		x := newExecutor(t, func(c *Config) { c.Sandbox, c.Devices = seen.fake(), equipped(a100s(1)) })
		task := hog("exit", "0")
		if tc.gpu != "" {
			task = asking(t, tc.gpu, "exit", "0")
		}
		task.Env = map[string]string{"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_GPU_MEMORY_LIMIT": "1", "MODE": "test"}
		result, err := x.Run(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		env := seen.last().Env
		for _, entry := range []string{"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_GPU_MEMORY_LIMIT=1", "CUDA_VISIBLE_DEVICES=7"} {
			if slices.Contains(env, entry) != tc.kept {
				t.Errorf("with %q: %s in the environment: %v", tc.gpu, entry, !tc.kept)
			}
		}
		if !slices.Contains(env, "MODE=test") {
			t.Error("the task's other variables are gone")
		}
		if got := len(result.Warnings); got != tc.warnings {
			t.Errorf("warnings %+v", result.Warnings)
		}
	}
}

// Case 59: a start that fails gives the devices back.
func TestAcceleratorsOfAFailedStart(t *testing.T) {
	fails := func(c *Config) {
		c.Devices = equipped(a100s(1))
		c.Sandbox = &sandboxtest.Fake{StartErr: func(spec sandbox.Spec) error {
			if spec.Accelerators == nil {
				return nil
			}
			return &sandbox.AcceleratorError{Message: "Docker cannot pass GPUs", Remedy: "install nvidia-container-toolkit"}
		}}
	}
	x := newExecutor(t, fails)
	result, err := x.Run(t.Context(), asking(t, "1", "exit", "0"))
	if !isA(func(e *RefusedError) bool { return strings.Contains(e.Error(), "install nvidia-container-toolkit") })(err) ||
		result.Verdict.Code != CodeAcceleratorNotAvailable || result.Verdict.Kind != KindSystem {
		t.Errorf("%+v: %v", result.Verdict, err)
	}
	devicesFree(t, x)
	if _, err := x.Run(t.Context(), hog("exit", "0")); err != nil {
		t.Errorf("another task: %v", err)
	}
}

// Case 68: a device that is gone at the start makes one look anew.
func TestStaleAccelerators(t *testing.T) {
	lost := a100s(1)
	lost.Devices[0].ID = "GPU-lost"
	for _, tc := range []struct {
		name    string
		after   gpu.Inventory
		starts  int
		outcome func(error) bool
	}{
		{"another serves", a100s(1), 2, func(err error) bool { return err == nil }},
		{"none is left", gpu.Inventory{}, 1, isA(func(e *RefusedError) bool { return strings.Contains(e.Error(), "no NVIDIA GPU on this machine") })},
		{"it is lost again", lost, 2, isA(func(e *RefusedError) bool {
			return strings.Contains(e.Error(), "unknown device") && e.Verdict.Code == CodeAcceleratorNotAvailable
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now, starts := lost, 0
			x := newExecutor(t, func(c *Config) {
				c.Devices = func(context.Context) gpu.Inventory { return now }
				c.Sandbox = &sandboxtest.Fake{StartErr: func(spec sandbox.Spec) error {
					if starts++; spec.Accelerators.IDs[0] != "GPU-lost" {
						return nil
					}
					now = tc.after
					return &sandbox.AcceleratorError{Message: "unknown device", Stale: true}
				}}
			})
			_, err := x.Run(t.Context(), asking(t, "1", "exit", "0"))
			if !tc.outcome(err) || starts != tc.starts {
				t.Errorf("%d starts, %v", starts, err)
			}
			devicesFree(t, x)
		})
	}
}

// Case 70: an image for another processor is refused, before there is a lease
// where its platform was asked for, and otherwise when the engine tells it. One
// that runs without is the engine's to emulate.
func TestAcceleratorsNeedTheMachinesPlatform(t *testing.T) {
	for _, tc := range []struct {
		asked, found string
		inv          gpu.Inventory
		refused      bool
	}{
		{"linux/s390x", "", a100s(1), true},
		{"", "linux/s390x", a100s(1), true},
		{"linux/" + runtime.GOARCH, "linux/" + runtime.GOARCH, a100s(1), false},
		{"", "", a100s(1), false},
		{"linux/s390x", "linux/s390x", gpu.Pretend([]resources.Device{*asking(t, "1").Resources.GPU}), false},
	} {
		started := false
		box := foreign{&sandboxtest.Fake{StartErr: func(sandbox.Spec) error { started = true; return nil }}, tc.found}
		x := newExecutor(t, func(c *Config) { c.Devices = equipped(tc.inv) })
		task := asking(t, "1", "exit", "0")
		task.Image, task.Platform = "image", tc.asked
		_, err := x.Run(t.Context(), task, WithSandbox(box))
		refused := isA(func(e *RefusedError) bool {
			return strings.Contains(e.Reason, "accelerator: the image image is for linux/s390x and this machine is linux/"+runtime.GOARCH) &&
				e.Verdict.Code == CodeAcceleratorNotAvailable
		})(err)
		if refused != tc.refused || started == tc.refused {
			t.Errorf("asked for %q, found %q: %v", tc.asked, tc.found, err)
		}
		devicesFree(t, x)
	}
}

// foreign tells the platform of its image.
type foreign struct {
	*sandboxtest.Fake
	platform string
}

func (f foreign) Prepare(_ context.Context, spec sandbox.Spec, _ func(sandbox.Progress)) (sandbox.Spec, error) {
	spec.Platform = f.platform
	return spec, nil
}

// devicesFree fails the test when somebody holds a device.
func devicesFree(t testing.TB, x *Executor) {
	t.Helper()
	nothingTaken(t, x)
	if held := heldDevices(x); len(held) > 0 {
		t.Errorf("still held: %v", held)
	}
}
