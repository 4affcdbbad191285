// SPDX-License-Identifier: Apache-2.0

package leftover

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/internal/need"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

// processesOf leaves out what tests of other packages mount and make meanwhile.
func processesOf(items []Item) []Item {
	return slices.DeleteFunc(items, func(i Item) bool { return i.Kind != "process" })
}

func TestOrphanIsFound(t *testing.T) {
	if err := BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	before := Take()
	// The shell ends at once; its background child is an orphan.
	if err := exec.CommandContext(t.Context(), "sh", "-c", "sleep 61 >/dev/null 2>&1 &").Run(); err != nil {
		t.Fatal(err)
	}
	items := processesOf(before.Since(100 * time.Millisecond))
	if len(items) != 1 || !strings.Contains(items[0].Name, "sleep 61") {
		t.Errorf("want the orphaned sleep, got %v", items)
	}
	Kill(items)
	if items := processesOf(before.Since(time.Second)); len(items) != 0 {
		t.Errorf("after Kill there is still %v", items)
	}
}

func TestMarkedProcessIsFound(t *testing.T) {
	t.Setenv(MarkVariable, "marked-process-test")
	before := Take()
	cmd := exec.CommandContext(t.Context(), "sleep", "62")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	// The environment appears a moment after the descriptors are closed,
	// which is all that Start waits for. The test's own deadline ends it.
	for !marked(cmd.Process.Pid) {
		time.Sleep(time.Millisecond)
	}
	if items := processesOf(before.Since(0)); len(items) != 1 {
		t.Errorf("want one process, got %v", items)
	}
}

func TestCgroupIsFound(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	before := Take()
	root := "/sys/fs/cgroup"
	if need.CgroupVersion() == 1 {
		root += "/pids"
	}
	dir, err := os.MkdirTemp(root, "drydock-leftover-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	found := false
	for _, item := range before.Since(0) {
		found = found || item.Kind == "cgroup" && item.Name == dir
	}
	if !found {
		t.Errorf("the new cgroup %s was not reported", dir)
	}
}

func TestNothingNew(t *testing.T) {
	before := Take()
	for _, item := range processesOf(before.Since(time.Second)) {
		t.Error(item)
	}
}
