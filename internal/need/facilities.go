// SPDX-License-Identifier: Apache-2.0

package need

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Root needs the test to run as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "root", "needs root")
	}
}

// Cgroups needs a memory cgroup hierarchy in which a cgroup can be made.
func Cgroups(t testing.TB) {
	t.Helper()
	root := memoryRoot()
	if root == "" {
		Skip(t, "cgroups", "needs a mounted memory cgroup controller")
	}
	probe, err := os.MkdirTemp(root, "drydock-need-")
	if err != nil {
		Skip(t, "cgroups", "needs a writable memory cgroup: "+errText(err))
	}
	if err := os.Remove(probe); err != nil {
		t.Errorf("removing the probe cgroup: %v", err)
	}
}

// CgroupVersion is 2 on a unified hierarchy, 1 where the memory controller has
// one of its own, 0 where there is none.
func CgroupVersion() int {
	switch memoryRoot() {
	case "":
		return 0
	case unifiedRoot:
		return 2
	}
	return 1
}

const unifiedRoot = "/sys/fs/cgroup"

func memoryRoot() string {
	if content, err := os.ReadFile(filepath.Join(unifiedRoot, "cgroup.controllers")); err == nil && len(content) > 0 {
		return unifiedRoot
	}
	v1 := filepath.Join(unifiedRoot, "memory")
	if _, err := os.Stat(filepath.Join(v1, "memory.limit_in_bytes")); err == nil {
		return v1
	}
	return ""
}

// Program needs an executable in PATH and returns where it lies.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(t, name, fmt.Sprintf("needs the program %s", name))
	}
	return path
}

func errText(err error) string {
	if e, ok := err.(*os.PathError); ok {
		return e.Err.Error()
	}
	return err.Error()
}
