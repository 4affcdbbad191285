// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/gpu"
	"drydock/internal/need"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/native"
)

// A task for an A100 on a laptop: it runs without, everybody is told so, and
// its host memory runs out as on the cluster.
func TestAcceleratorTaskWithoutAny(t *testing.T) {
	nothingLeft(t)
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		need.Gap(t, "this machine has what a laptop lacks")
	}
	h := newHome(t)
	asks := []string{"--gpu", "A100:1", "--memory", "64Mi", "--json", "--", "./hog", "touch", "100"}
	r := h.run(t, append([]string{"run"}, asks...)...)
	r.want(t, 125, "refused")
	if r.ended.Code != "AcceleratorNotAvailable" || !strings.Contains(r.words(), "--gpu-missing=ignore") {
		t.Errorf("refused with %s: %s", r.ended.Code, r.words())
	}
	r = h.run(t, append([]string{"run", "--gpu-missing=ignore"}, asks...)...)
	r.want(t, 137, "oom")
	if !strings.Contains(r.stdout, `"limit":"gpu","state":"not enforced","why":"runs without, as --gpu-missing=ignore allows`) {
		t.Errorf("nobody says that it ran without:\n%s", r.stdout)
	}
	if report := h.run(t, "report", r.ended.ID, "--format", "txt"); !strings.Contains(report.stdout, "runs without") {
		t.Errorf("the report does not say it:\n%s%s", report.stdout, report.stderr)
	}
}

// Two processes and one device, of the node that the machine is taken for: the
// second waits and says for whom. The first is killed, and its task runs on:
// only after that does the second go on.
func TestAcceleratorIsOneTasksAtATime(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	begin := func(words ...string) *command {
		return h.start(t, append([]string{"run", "--node", "gpu=A100:1", "--gpu", "1", "--memory", "64Mi", "--cpu", "100m", "--json", "--", "./hog"}, words...)...)
	}
	first := begin("tidy", "sleep", "3000", "out", "over")
	first.waitFor(t, "ready")
	id := firstID(t, first.out.String())
	second := begin("exit", "0")
	second.waitFor(t, "waiting for accelerator: needs 1 × NVIDIA GPU, 0 free, held by "+id)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.end(t)
	second.end(t).want(t, 0, "succeeded")
	if log := logOf(t, h.state()+"/tasks/"+id+"/attempts/1"); !strings.Contains(log, "over") {
		t.Errorf("the second ran while the first did; its log: %q", log)
	}
}

// A Go program's tasks on a machine with one accelerator, whose node is a real
// one: the task that asks for it can use it, and no other sees it.
func TestAcceleratorsOfTheGoAPI(t *testing.T) {
	nothingLeft(t)
	runnable(t)
	need.Root(t)
	node := fmt.Sprintf("/dev/drydock-test-%d", os.Getpid())
	if err := unix.Mknod(node, unix.S_IFCHR|0o660, int(unix.Mkdev(1, 5))); err != nil { // as /dev/zero
		need.Skip(t, "mknod", err.Error())
	}
	t.Cleanup(func() { _ = os.Remove(node) })
	h := newHome(t)
	box, err := native.New(native.Config{LeaseDir: h.leases(), Shim: filepath.Join(programs(t), "drydock-shim")})
	if err != nil {
		t.Fatal(err)
	}
	x, err := executor.New(executor.Config{Sandbox: box, StateDir: h.state(), LeaseDir: h.leases(), Devices: func(context.Context) gpu.Inventory {
		return gpu.Inventory{Devices: []gpu.Device{{ID: "amd-1", Class: resources.ClassAMD, Type: "MI300X", Nodes: []string{node}}}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	device, err := resources.AMDGPU("MI300X")
	if err != nil {
		t.Fatal(err)
	}
	for gpu, want := range map[*resources.Device]string{device: "1 amd-1", nil: "0 "} {
		var out bytes.Buffer
		task := executor.Task{Command: []string{"sh", "-c", "echo $(head -c 1 " + node + " 2>/dev/null | wc -c) $DRYDOCK_ACCELERATORS"}, WorkDir: t.TempDir(),
			Resources: resources.Resources{Memory: resources.Of("64Mi"), GPU: gpu}}
		result, err := x.Run(t.Context(), task, executor.WithStreams(sandbox.Streams{Stdout: &out}))
		if err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("with %v: %q, want %q (%+v)", gpu, got, want, result.Attempts[0].Accelerators)
		}
	}
}
