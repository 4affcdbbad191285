// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/gpu/discover"
	"drydock/internal/need"
)

func TestMain(m *testing.M) {
	HandOver()
	watchForEver()
	os.Exit(need.Main(m))
}

// library builds a stand-in for NVIDIA's, and has children find it first.
func library(t *testing.T, defines ...string) {
	t.Helper()
	dir := t.TempDir()
	argv := []string{"-shared", "-fPIC", "-Wno-unused-function", "-o", filepath.Join(dir, "libnvidia-ml.so.1")}
	for _, d := range defines {
		argv = append(argv, "-D"+d)
	}
	out, err := exec.Command(need.Program(t, "gcc"), append(argv, "testdata/fake.c")...).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	t.Setenv("LD_LIBRARY_PATH", dir)
}

// read asks this test's own program, as drydock asks itself.
func read(t *testing.T, o discover.Options) gpu.Inventory {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if o.Root == "" {
		o.Root = t.TempDir()
	}
	if o.SMI == "" {
		o.SMI = "/nonexistent/nvidia-smi"
	}
	if o.Limit == 0 {
		o.Limit = time.Minute // a busy machine is not a driver that hangs
	}
	o.Reader = []string{self}
	return discover.Machine(t.Context(), o)
}

func problemsOf(inv gpu.Inventory) string {
	var all []string
	for _, p := range inv.Problems {
		all = append(all, p.Text)
	}
	return strings.Join(all, "\n")
}

// The way to a library that works, through the dynamic loader.
func TestLibrary(t *testing.T) {
	library(t, "INIT=0", "GPUS=2")
	inv := read(t, discover.Options{})
	if len(inv.Devices) != 2 || inv.Devices[1].ID != "GPU-fake-1" || inv.Devices[1].Type != "L4" || len(inv.Problems) != 0 {
		t.Errorf("it finds %+v", inv)
	}
}

// Who has the loader bind everything at once would see every reader end with
// the first function that the library lacks.
func TestBindNow(t *testing.T) {
	library(t, "INIT=0", "GPUS=1")
	t.Setenv("LD_BIND_NOW", "1")
	if inv := read(t, discover.Options{}); len(inv.Devices) != 1 || len(inv.Problems) != 0 {
		t.Errorf("it finds %+v", inv)
	}
}

// Case 62.
func TestNoLibrary(t *testing.T) {
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		need.Gap(t, "a machine with NVIDIA's driver has its library")
	}
	inv := read(t, discover.Options{})
	if len(inv.Devices) != 0 || problemsOf(inv) != "no NVIDIA GPU available: libnvidia-ml.so.1 not found (is the NVIDIA driver installed?)" {
		t.Errorf("it finds %+v", inv)
	}
}

// A library with functions missing: those that are asked for first are an
// answer, the very first one ends the reader.
func TestMissingFunctions(t *testing.T) {
	library(t, "INIT=0")
	if inv := read(t, discover.Options{}); !strings.Contains(problemsOf(inv), "cannot list GPUs") || len(inv.Problems) != 1 {
		t.Errorf("without nvmlDeviceGetCount: %+v", inv)
	}
	library(t)
	inv := read(t, discover.Options{})
	if !strings.Contains(problemsOf(inv), "could not be asked: exit status 127: ") || !strings.Contains(problemsOf(inv), "nvmlInit") {
		t.Errorf("without nvmlInit: %+v", inv)
	}
}

// Case 64.
func TestMismatch(t *testing.T) {
	library(t, "INIT=18")
	if inv := read(t, discover.Options{}); !strings.Contains(problemsOf(inv), "versions differ; reboot") {
		t.Errorf("it finds %+v", inv)
	}
}

// smiScript is an nvidia-smi that knows one idle H100.
const smiScript = `#!/bin/sh
case "$1" in
--query-gpu=*) echo '0, GPU-smi, NVIDIA H100 80GB HBM3, 00000000:00:06.0, 81559, 0, Disabled, Disabled, Default, Disabled, 580.159.04' ;;
--query-compute-apps=*) ;;
esac
`

// Case 63: what ends the reader does not end drydock, and nvidia-smi is asked.
func TestCrash(t *testing.T) {
	script := filepath.Join(t.TempDir(), "nvidia-smi")
	if err := os.WriteFile(script, []byte(smiScript), 0o755); err != nil {
		t.Fatal(err)
	}
	library(t, "INIT=crash()")
	inv := read(t, discover.Options{SMI: script})
	if len(inv.Devices) != 1 || inv.Devices[0].ID != "GPU-smi" || inv.Driver.Source != "nvidia-smi" {
		t.Errorf("it finds %+v", inv)
	}
	if len(inv.Problems) != 1 || !strings.Contains(inv.Problems[0].Text, "signal: killed") || inv.Problems[0].Fatal {
		t.Errorf("problems %+v", inv.Problems)
	}
}

// A call that hangs costs its time and nothing else: the reader is ended.
func TestHang(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("FAKE_PID", pidFile)
	library(t, "INIT=hang()")
	inv := read(t, discover.Options{Limit: 500 * time.Millisecond})
	if !strings.Contains(problemsOf(inv), "the driver did not answer within 500ms; a GPU may be lost") {
		t.Errorf("it finds %+v", inv)
	}
	gone(t, pidFile)
}
