// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// watch asks this test's own program again and again, as drydock asks itself,
// until enough says so of all looks so far; then to the end.
func watch(t *testing.T, o discover.Options, enough func([]gpu.Look) bool) []gpu.Look {
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
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	var all []gpu.Look
	for l := range discover.Watch(ctx, o, []gpu.ID{"GPU-fake-1"}, 10*time.Millisecond) {
		if all = append(all, l); enough(all) {
			stop()
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("not enough in two minutes: %+v", all)
	}
	return all
}

func said(text string) func([]gpu.Look) bool {
	return func(all []gpu.Look) bool { return strings.Contains(all[len(all)-1].Problem, text) }
}

// The way of looks through a process of its own and the dynamic loader, and
// what an old library has no functions for.
func TestWatchLibrary(t *testing.T) {
	library(t, "INIT=0", "GPUS=2", "ATUUID=0")
	t.Setenv("LD_BIND_NOW", "1")
	seen := 0
	all := watch(t, discover.Options{}, func(all []gpu.Look) bool {
		if u := all[len(all)-1].Uses; len(u) == 1 && u[0].ID == "GPU-fake-1" && u[0].Problem == "" && *u[0].Memory == 23034<<20 {
			seen++
		}
		return seen == 3
	})
	if seen < 3 {
		t.Errorf("it looks %+v", all)
	}
}

// Case 63 for looks: nvidia-smi goes on where the reader cannot.
func TestWatchCrash(t *testing.T) {
	script := filepath.Join(t.TempDir(), "nvidia-smi")
	lines := "#!/bin/sh\ncase \"$1\" in\n" +
		"--query-gpu=*) echo 'GPU-other, 1, 2, 3'; echo 'GPU-fake-1, 512, 23034, 40' ;;\n" +
		"--query-compute-apps=*) echo 'GPU-fake-1, 4242, 500'; echo 'GPU-other, 1, 1' ;;\nesac\n"
	if err := os.WriteFile(script, []byte(lines), 0o755); err != nil {
		t.Fatal(err)
	}
	library(t, "INIT=crash()")
	all := watch(t, discover.Options{SMI: script}, func(all []gpu.Look) bool { return len(all[len(all)-1].Uses) > 0 })
	if !strings.Contains(all[0].Problem, "signal: killed; nvidia-smi is, which tells no XIDs") {
		t.Errorf("it says %q", all[0].Problem)
	}
	u := all[len(all)-1].Uses
	if len(u) != 1 || *u[0].Used != 512<<20 || *u[0].Memory != 23034<<20 || *u[0].Busy != 0.4 || len(u[0].Processes) != 1 || *u[0].Processes[0].Memory != 500<<20 {
		t.Errorf("it looks %+v", u)
	}
}

// A function that is missing ends the reader, and what it wrote last says so.
func TestWatchMissing(t *testing.T) {
	library(t)
	all := watch(t, discover.Options{}, said("nvmlInit"))
	if text := all[0].Problem; !strings.Contains(text, "exit status 127: ") {
		t.Errorf("it says %q", text)
	}
}

// A call that hangs costs its time, and the reader its life.
func TestWatchHang(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("FAKE_PID", pidFile)
	library(t, "INIT=0", "GPUS=2", "ATUUID=hang()")
	watch(t, discover.Options{Limit: time.Second}, said("did not answer within 1s; a GPU may be lost"))
	gone(t, pidFile)
}

// gone waits for the end of the process that wrote the file.
func gone(t *testing.T, pidFile string) {
	t.Helper()
	data, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return // it was ended before it came so far
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the reader %d is still there", pid)
		}
	}
}

// watchWords is what a process is started with to be one that watches.
const watchWords = "DRYDOCK_TEST_WATCHES"

// watchForEver is that process: it says every look, and ends by a kill.
func watchForEver() {
	if os.Getenv(watchWords) == "" {
		return
	}
	for range discover.Watch(context.Background(), discover.Options{SMI: "/nonexistent/nvidia-smi"}, []gpu.ID{"GPU-fake-0"}, 10*time.Millisecond) {
		os.Stdout.WriteString("look\n")
	}
}

// Who watches may be killed: nobody is left then who looks for nobody.
func TestWatchEndsWithItsParent(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("FAKE_PID", pidFile)
	library(t, "INIT=0", "GPUS=2", "ATUUID=alive()")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), watchWords+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	looks, asked := bufio.NewReader(out), false
	for !asked && err == nil { // the first looks may say that nobody could be asked yet
		_, err = looks.ReadString('\n')
		_, statErr := os.Stat(pidFile)
		asked = statErr == nil
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if !asked {
		t.Fatalf("it never looked: %v", err)
	}
	gone(t, pidFile)
}
