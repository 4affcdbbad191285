// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/sandboxtest"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// ordinaryUser needs the test to run as one, where a user's limits can be held.
func ordinaryUser(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 || need.CgroupVersion() != 2 {
		need.Gap(t, "needs an ordinary user on pure cgroup v2 (make test-v2 has one)")
	}
}

// runnable needs the rights to run attempts: root's, or those of an ordinary
// user in a guest, where a systemd delegates cgroups.
func runnable(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 && need.InGuest() && need.CgroupVersion() == 2 {
		return
	}
	need.Root(t)
	need.Cgroups(t)
}

// The same cases, and what an ordinary user cannot have.
func TestConformanceAsUser(t *testing.T) {
	ordinaryUser(t)
	program := shim(t)
	sandboxtest.Conformance(t, sandboxtest.Backend{
		Name:          "native",
		New:           func(t testing.TB) sandbox.Sandbox { return newSandbox(t, program, t.TempDir()) },
		CgroupVersion: 2,
		GroupKill:     sandbox.GroupEnforced,
		Kernel:        true,
		Durable:       true,
		Program:       os.Getenv("DRYDOCK_HOG"),
		Lacks:         rootsOwn,
		SharedLimit: func(t testing.TB) (sandbox.Sandbox, string) {
			leases := t.TempDir()
			s := newSandbox(t, program, leases) // it has moved us into a delegated group
			return s, delegatedBase(t, leases)
		},
	})
}

// rootsOwn are the cases, and a controller, that an ordinary user cannot have.
var rootsOwn = map[string]string{
	"devices-held":        onlyRootsNodes,
	"devices-not-held":    onlyRootsNodes,
	"devices-groups":      onlyRootsNodes,
	"devices-modes":       onlyRootsNodes,
	"devices-environment": onlyRootsNodes,
	"devices-no-mknod":    onlyRootsNodes,
	"devices-refused":     onlyRootsNodes,
	"devices-row":         onlyRootsNodes,

	"C7-hard":              onlyRootHolds,
	"C8-hard":              onlyRootHolds,
	"disk-hard-log":        onlyRootHolds,
	"disk-hard-burst":      onlyRootHolds,
	"disk-hard-neighbours": onlyRootHolds,
	"disk-hard-layer":      onlyRootHolds,
	"disk-hard-tidy":       onlyRootHolds,
	"disk-hard-killed":     onlyRootHolds,

	"hugetlb":      "systemd delegates no hugetlb controller",
	"hugepages":    "systemd delegates no hugetlb controller, and only root reserves pages",
	"D5-innocent":  "only root can have the one who takes all the memory spared",
	"D9":           "only root turns swap on",
	"local-events": "only root mounts the cgroups otherwise",
}

// onlyRootsNodes is what TestUserDevices is there for.
const onlyRootsNodes = "only root makes device nodes"

// onlyRootHolds is what TestHardAsUser is there for.
const onlyRootHolds = "quotas and loop devices are root's"

// delegatedBase is sharedBase for an ordinary user.
func delegatedBase(t testing.TB, leaseDir string) string {
	t.Helper()
	h, err := cgroup.Detect()
	if err != nil {
		t.Fatal(err)
	}
	h.Base = client.LeasesIn(leaseDir).GroupBase()
	d, err := h.Delegated()
	if err != nil {
		t.Fatal(err)
	}
	h = h.Below(d)
	base, err := h.HoldBase(filepath.Join(leaseDir, wire.BaseLock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = base.Release() })
	dir := h.MemoryBase()
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	return dir
}
