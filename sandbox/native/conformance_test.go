// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/native"
	"drydock/sandbox/sandboxtest"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// shim builds the supervisor, once, or takes the one in DRYDOCK_BIN.
func shim(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("DRYDOCK_BIN"); bin != "" {
		return filepath.Join(bin, "drydock-shim")
	}
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "drydock-shim-")
		if err != nil {
			built.err = err
			return
		}
		built.dir = dir
		cmd := exec.Command("go", "build", "-tags", "netgo osusergo seccomp runc_nocriu",
			"-ldflags", "-s -w -extldflags -static", "-o", filepath.Join(dir, "drydock-shim"), "./shim")
		if output, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, output)
		}
	})
	if built.err != nil {
		t.Fatalf("build drydock-shim: %v", built.err)
	}
	return filepath.Join(built.dir, "drydock-shim")
}

// built is the supervisor of all tests; TestMain removes it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func newSandbox(t testing.TB, shim, leaseDir string) sandbox.Sandbox {
	t.Helper()
	s, err := native.New(native.Config{Shim: shim, LeaseDir: leaseDir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	program := shim(t)
	groupKill := sandbox.GroupEmulated
	if need.CgroupVersion() == 2 {
		groupKill = sandbox.GroupEnforced
	}
	sandboxtest.Conformance(t, sandboxtest.Backend{
		Name:          "native",
		New:           func(t testing.TB) sandbox.Sandbox { return newSandbox(t, program, t.TempDir()) },
		CgroupVersion: need.CgroupVersion(),
		GroupKill:     groupKill,
		Kernel:        true,
		Durable:       true,
		HardLayer:     true,
		Program:       os.Getenv("DRYDOCK_HOG"), // prebuilt, where there is no compiler (a test guest)
		SharedLimit: func(t testing.TB) (sandbox.Sandbox, string) {
			leases := t.TempDir()
			return newSandbox(t, program, leases), sharedBase(t, leases)
		},
	})
}

// sharedBase makes the group that all attempts of one lease directory lie
// under, and keeps it while the test runs.
func sharedBase(t testing.TB, leaseDir string) string {
	t.Helper()
	h, err := native.Detect(client.LeasesIn(leaseDir))
	if err != nil {
		t.Fatal(err)
	}
	if scope := native.ScopeOf(h.Base); scope != "" {
		holdScope(t, h, scope)
	}
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

// holdScope keeps a process in the scope in which systemd has the group.
func holdScope(t testing.TB, h cgroup.Hierarchy, scope string) {
	t.Helper()
	holder := exec.Command("sleep", "1000")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	h.Owned = scope
	if err := native.JoinScope(h, holder.Process.Pid); err != nil {
		t.Fatal(err)
	}
}
