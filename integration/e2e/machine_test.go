// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox/sandboxtest"
)

// A budget that somebody has put on all tasks together is not the task's own
// limit: more memory for the task would not help, another time might.
func TestMachineBudget(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	quiet := h.start(t, "run", "--memory", "64Mi", "--cpu", "100m", "--json", "--", "./hog", "tidy", "sleep", "300000")
	quiet.waitFor(t, "ready")
	file, above := memoryLimit(t, children(shimOf(t, quiet.Process.Pid))[0])
	if err := os.WriteFile(filepath.Join(above, file), []byte(fmt.Sprint(40<<20)), 0); err != nil {
		t.Fatal(err)
	}
	r := h.run(t, "run", "--memory", "64Mi", "--cpu", "100m", "--json", "--", "./hog", "touch", "60")
	r.want(t, 137, "machine-memory")
	if r.ended.Code != "MachineMemoryExhausted" {
		t.Errorf("the code is %q: %s", r.ended.Code, r.ended.Message)
	}
	if err := quiet.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	quiet.end(t)
}

// When the machine itself is full, the task that had to go is told so.
func TestMachineFull(t *testing.T) {
	need.Expendable(t)
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "256Mi", "--json", "--", "./hog", "touch", "150", "out", "ready", "sleep", "300000")
	c.waitFor(t, "ready")
	sandboxtest.FillMachine(t, hog(t), children(shimOf(t, c.Process.Pid))[0])
	r := c.end(t)
	r.want(t, 137, "machine-memory")
	if r.ended.Code != "HostOutOfMemory" {
		t.Errorf("the code is %q: %s", r.ended.Code, r.ended.Message)
	}
}

// memoryLimit finds the group above the one that drydock made for the task of
// this process, and the name of the file with a group's limit.
func memoryLimit(t *testing.T, pid int) (file, above string) {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case need.CgroupVersion() == 2 && fields[1] == "": // the program's own, the task's
			return "memory.max", filepath.Join("/sys/fs/cgroup", filepath.Dir(filepath.Dir(fields[2])))
		case need.CgroupVersion() == 1 && fields[1] == "memory":
			return "memory.limit_in_bytes", filepath.Join("/sys/fs/cgroup/memory", filepath.Dir(fields[2]))
		}
	}
	t.Fatalf("process %d is in no memory cgroup", pid)
	return "", ""
}
