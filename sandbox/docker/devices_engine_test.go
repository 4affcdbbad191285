// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// The ids of two accelerators that no machine has.
const (
	wholeGPU  = "GPU-3f1d7c0a-9a55-4f0e-8c62-5d1b7e2f9a01"
	sliceOfIt = "MIG-7b2c9e14-1f4b-5c3d-9e0f-2a6d8c4b1e02"
)

// describe writes a CDI specification as NVIDIA's toolkit would: one device for
// each id with its node, and what all have in common, a file of the driver's
// and the word to its runtime.
func describe(t testing.TB, dir, driver string, nodes map[string]string) {
	t.Helper()
	type node struct {
		Path string `json:"path"`
	}
	type edits struct {
		DeviceNodes []node              `json:"deviceNodes,omitempty"`
		Env         []string            `json:"env,omitempty"`
		Mounts      []map[string]any    `json:"mounts,omitempty"`
		Hooks       []map[string]string `json:"hooks,omitempty"`
	}
	type device struct {
		Name           string `json:"name"`
		ContainerEdits edits  `json:"containerEdits"`
	}
	var all []device
	for id, path := range nodes {
		all = append(all, device{Name: id, ContainerEdits: edits{DeviceNodes: []node{{path}}}})
	}
	text, err := json.Marshal(map[string]any{
		"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": all,
		"containerEdits": edits{
			Env:    []string{"NVIDIA_VISIBLE_DEVICES=void"},
			Mounts: []map[string]any{{"hostPath": driver, "containerPath": "/usr/lib/libcuda.so.1", "options": []string{"ro", "nosuid", "nodev", "bind"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nvidia.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// gpuTask is a shell's words with one GPU.
func gpuTask(t testing.TB, image, id, node, script string) sandbox.Spec {
	spec := task(t, image, script)
	spec.Accelerators = &sandbox.Accelerators{
		Class: sandbox.ClassNVIDIA, IDs: []string{id}, Nodes: []string{node},
		Env: []string{"CUDA_VISIBLE_DEVICES=" + id, "NVIDIA_VISIBLE_DEVICES=void", "DRYDOCK_ACCELERATORS=" + id},
	}
	return spec
}

// A real engine puts into the container what the specification says of the one
// GPU that the task holds: its node, which can be opened, and the driver's
// files; not another's node, and none without a GPU.
func TestCDI(t *testing.T) {
	dir := t.TempDir()
	e := engines.Own(t, engines.V28, engines.Flags("--cdi-spec-dir="+dir))
	drivers := sandboxtest.NewDrivers(t)
	driver := filepath.Join(dir, "libcuda.so.999")
	if err := os.WriteFile(driver, []byte("the driver's\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	describe(t, dir, driver, map[string]string{wholeGPU: drivers.Nodes[0], sliceOfIt: drivers.Nodes[1], "0": drivers.Nodes[0], "all": drivers.Nodes[1]})
	image := engines.Variant(t, e, engines.Busybox(t, e), "ENV NVIDIA_VISIBLE_DEVICES=all", "ENV CUDA_VISIBLE_DEVICES=7")
	s := newSandbox(t, e, t.TempDir())
	const script = `cd /dev; for node in drydock-test-*; do test -e $node || continue; if true 2>&- <>$node; then echo opened $node; else echo not $node; fi; done
cat /usr/lib/libcuda.so.1 2>&-; echo "${CUDA_VISIBLE_DEVICES-unset} $NVIDIA_VISIBLE_DEVICES ${DRYDOCK_ACCELERATORS-none}"`
	for id, node := range map[string]string{wholeGPU: drivers.Nodes[0], sliceOfIt: drivers.Nodes[1]} {
		ran := start(t, s, gpuTask(t, image, id, node, script))
		o := ran.end(t)
		want := fmt.Sprintf("opened %s\nthe driver's\nunset void %s\n", filepath.Base(node), id)
		if o.Exit == nil || o.Exit.Code != 0 || ran.said() != want {
			t.Errorf("it said %q, want %q (%+v %+v)", ran.said(), want, o.Exit, o.StartError)
		}
		if !slices.ContainsFunc(o.Limits, func(l sandbox.Enforcement) bool {
			return l.Limit == "accelerators" && l.State == sandbox.Enforced && strings.Contains(l.Why, "CDI")
		}) {
			t.Errorf("how it was had is not said: %+v", o.Limits)
		}
	}
	none := start(t, s, task(t, image, script))
	none.end(t)
	if want := "7 void none\n"; none.said() != want {
		t.Errorf("without a GPU it said %q, want %q", none.said(), want)
	}
	// The specification was written anew, and the other id is not in it any
	// more: an index or "all" does not stand for it.
	describe(t, dir, driver, map[string]string{wholeGPU: drivers.Nodes[0], "0": drivers.Nodes[0], "all": drivers.Nodes[1]})
	gone := start(t, s, gpuTask(t, image, sliceOfIt, drivers.Nodes[1], script))
	o := gone.end(t)
	if e := o.StartError.Accelerator(); e == nil || !e.Stale || gone.said() != "" ||
		!strings.Contains(e.Message, "nvidia.com/gpu="+sliceOfIt) || !strings.Contains(e.Remedy, "cdi generate") {
		t.Errorf("what is not described: %+v, and it said %q", o.StartError, gone.said())
	}
}

// Without NVIDIA's toolkit Docker makes a container and cannot start it; with
// Podman there is none at all. Either says what is missing, and nothing is left.
func TestNoToolkit(t *testing.T) {
	for _, e := range engines.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			c := second(t, e)
			before := ours(t, c)
			s := newSandbox(t, e, t.TempDir())
			spec := gpuTask(t, engines.Busybox(t, e), wholeGPU, "/dev/nvidia0", "echo ran on the CPU")
			running, err := s.Start(t.Context(), spec, sandbox.Streams{})
			var refused *sandbox.AcceleratorError
			if e.Kind == engines.Pod {
				refused, _ = errors.AsType[*sandbox.AcceleratorError](err)
			} else if err == nil {
				go func() {
					for range running.Events() { // drained, as the contract has it
					}
				}()
				var o sandbox.Outcome
				if o, err = running.Wait(); err == nil {
					refused = o.StartError.Accelerator()
				}
				if o.Tail != "" || o.Exit != nil {
					t.Errorf("it ran: %+v", o)
				}
			}
			if refused == nil {
				t.Fatalf("no word about the accelerator: %v", err)
			}
			wants := []string{"the NVIDIA Container Toolkit was not found", "nvidia-ctk runtime configure"}
			if e.Kind == engines.Pod {
				wants = []string{"ignores GPUs", "Podman 5.4"}
			}
			for _, want := range wants {
				if !strings.Contains(refused.Error(), want) {
					t.Errorf("%q lacks %q", refused, want)
				}
			}
			if refused.Stale {
				t.Error("looking again would not help, and it says so")
			}
			if after := ours(t, c); len(after) != len(before) {
				t.Errorf("containers before %+v, after %+v", before, after)
			}
			// The next task is none the worse for it.
			next := start(t, s, task(t, spec.Image, "echo fine"))
			if o := next.end(t); next.said() != "fine\n" {
				t.Errorf("the next one: %+v", o)
			}
		})
	}
}

// A runtime by NVIDIA's name that adds nothing, as theirs does where its settings
// forbid it: the task does not run on without its GPU.
func TestSilentRuntime(t *testing.T) {
	drivers := sandboxtest.NewDrivers(t)
	e := engines.Own(t, engines.V28, engines.Flags("--add-runtime=nvidia="+need.Program(t, "runc"), "--cdi-spec-dir="+t.TempDir()))
	c := second(t, e)
	s := newSandbox(t, e, t.TempDir())
	spec := gpuTask(t, engines.Busybox(t, e), wholeGPU, drivers.Nodes[0], "echo $NVIDIA_VISIBLE_DEVICES $NVIDIA_DRIVER_CAPABILITIES; sleep 60; echo ran on the CPU")
	ran := start(t, s, spec)
	o := ran.end(t)
	if e := o.StartError.Accelerator(); e == nil || !strings.Contains(e.Message, drivers.Nodes[0]) || o.Exit != nil {
		t.Errorf("%+v, %+v", o.StartError, o.Exit)
	}
	if said := ran.said(); said != "" && said != wholeGPU+" compute,utility\n" { // it may have come that far
		t.Errorf("it said %q", said)
	}
	if left := ours(t, c); len(left) != 0 {
		t.Errorf("containers are left: %+v", left)
	}
}

// A container without a GPU says so where its image asks for all of them, and
// a task cannot ask for any by a variable.
func TestNoGPU(t *testing.T) {
	for _, e := range engines.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			s := newSandbox(t, e, t.TempDir())
			spec := task(t, engines.Variant(t, e, engines.Busybox(t, e), "ENV NVIDIA_VISIBLE_DEVICES=all"), "echo $NVIDIA_VISIBLE_DEVICES; env | grep -c NVIDIA_VISIBLE")
			for _, env := range [][]string{nil, {"NVIDIA_VISIBLE_DEVICES=all"}} {
				spec := spec
				spec.Env, spec.Attempt, spec.Dir = env, 1+len(env), t.TempDir()
				ran := start(t, s, spec)
				if o := ran.end(t); ran.said() != "void\n1\n" {
					t.Errorf("with %v: %q, %+v", env, ran.said(), o)
				}
			}
		})
	}
}
