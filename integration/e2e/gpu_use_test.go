// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/need"
)

// gpuMachine has two A100 of which only the libraries and nodes are there (see
// testdata/gpu). Everything but the driver below them is real.
type gpuMachine struct {
	home
	dir string // of the libraries, and what they go by
}

func newGPUMachine(t *testing.T) gpuMachine {
	t.Helper()
	need.Root(t)
	need.Cgroups(t)
	need.Program(t, "unshare")
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		need.Gap(t, "this machine has GPUs of its own: scripts/gpu-check tries those")
	}
	m := gpuMachine{newHome(t), t.TempDir()}
	nothingLeftOf(t, m.home)
	for name, source := range map[string]string{"libnvidia-ml.so.1": "nvml.c", "libcuda.so.1": "cuda.c"} {
		out, err := exec.Command(need.Program(t, "gcc"), "-shared", "-fPIC", "-Wall", "-Wno-unused-parameter",
			"-o", filepath.Join(m.dir, name), filepath.Join("testdata/gpu", source)).CombinedOutput()
		if err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
	}
	return m
}

// command runs on the machine, in the libraries' directory: a task sees it.
func (m gpuMachine) command(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	enter, err := filepath.Abs("testdata/gpu/enter.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-m", "sh", enter}, argv...)...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), m.env()...)
	cmd.Env = append(cmd.Env, "FAKE_GPU="+m.dir, "LD_LIBRARY_PATH="+m.dir, "DRYDOCK="+drydock(t))
	return cmd
}

// say runs drydock and returns what it printed.
func (m gpuMachine) say(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := m.command(t, append([]string{drydock(t)}, args...)...).CombinedOutput() // its code is not asked here
	return string(out)
}

func (m gpuMachine) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.WriteFile(path+".draft", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".draft", path); err != nil {
		t.Fatal(err)
	}
}

// What scripts/gpu-check tries on real GPUs passes here: discovery, one GPU
// for who asked and none for others, an out-of-memory of CUDA's with its
// figures, a fault of the program's with its XID.
func TestGPUCheck(t *testing.T) {
	m := newGPUMachine(t)
	need.Program(t, "python3")
	script, err := filepath.Abs("../../scripts/gpu-check")
	if err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	cmd := m.command(t, "python3", script)
	cmd.Stderr = &progress
	record, err := cmd.Output()
	if err != nil || !strings.Contains(string(record), "### 2 × NVIDIA A100-SXM4-80GB, driver 580.0\n") || strings.Contains(string(record), "failed** |") {
		t.Errorf("%v\n%s\n%s", err, &progress, record)
	}
}

// A machine without a GPU is told so, and is no failure.
func TestGPUCheckWithoutAny(t *testing.T) {
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		need.Gap(t, "this machine has GPUs")
	}
	cmd := exec.Command(need.Program(t, "python3"), "../../scripts/gpu-check")
	cmd.Env = append(os.Environ(), "DRYDOCK="+drydock(t))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 77 || !strings.HasPrefix(string(out), "no NVIDIA GPU on this machine, nothing to check: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The record of a GPU's use outlives the drydock that began it; who waits for
// the task goes on with it. An error of the GPU's own that comes then keeps
// it from the next task until somebody says that it is well.
func TestGPUUseOutlivesDrydock(t *testing.T) {
	m := newGPUMachine(t)
	begun := filepath.Join(m.dir, "begun")
	first := m.command(t, drydock(t), "run", "--gpu", "1", "--memory", "64Mi", "--", "sh", "-c",
		"touch begun; until [ -e end ]; do sleep 0.1; done; echo 'torch.OutOfMemoryError: CUDA out of memory.' >&2; exit 1")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, hang, "the task does not begin", func() bool { return exists(begun) })
	record := m.recordOf(t)
	m.put(t, "used", fmt.Sprint(70<<30))
	within(t, hang, "nobody looks", func() bool { return strings.Contains(contents(record), fmt.Sprintf(`"used":%d`, 70<<30)) })
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // killed
	m.put(t, "used", fmt.Sprint(20<<30))

	id := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(record))))
	second := m.command(t, drydock(t), "wait", id)
	var said bytes.Buffer
	second.Stdout, second.Stderr = &said, &said
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, hang, "nobody goes on looking", func() bool { return strings.Contains(contents(record), fmt.Sprintf(`"used":%d`, 20<<30)) })
	m.put(t, "xid", "79")
	within(t, hang, "nobody hears", func() bool { return strings.Contains(contents(record), `"code":79`) })
	m.put(t, "end", "")
	_ = second.Wait() // its code is the task's

	inspected := m.say(t, "inspect", id)
	for _, want := range []string{"memory peak 70 GiB of 80 GiB", "XID 79, it fell off the bus", "out of GPU memory, not of the task's own"} {
		if !strings.Contains(inspected, want) {
			t.Errorf("it says\n%s\n%s\nwant %q in it", &said, inspected, want)
		}
	}
	m.put(t, "used", "0")
	m.put(t, "xid", "0")
	if refused := m.say(t, "run", "--gpu", "2", "--", "true"); !strings.Contains(refused, "1 unhealthy (GPU-00000000-0000-0000-0000-000000000000: XID 79, it fell off the bus)") {
		t.Errorf("the next task: %s", refused)
	}
	if said := m.say(t, "devices", "--refresh"); !strings.Contains(said, "GPU-00000000-0000-0000-0000-000000000000 is found well") {
		t.Errorf("refreshed: %s", said)
	}
	if given := m.say(t, "run", "--gpu", "2", "--", "sh", "-c", "ls /dev | grep -c 'nvidia[01]'"); !strings.HasPrefix(given, "2\n") && !strings.Contains(given, "\n2\n") {
		t.Errorf("the one after: %s", given)
	}
}

// recordOf waits for the record of the only attempt.
func (m gpuMachine) recordOf(t *testing.T) string {
	t.Helper()
	var found []string
	within(t, hang, "there is no record", func() bool {
		found, _ = filepath.Glob(filepath.Join(m.state(), "tasks/*/attempts/1/gpu"))
		return len(found) == 1
	})
	return found[0]
}

func contents(path string) string {
	text, _ := os.ReadFile(path) // it may not be there yet
	return string(text)
}
