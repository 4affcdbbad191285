// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"drydock/sandbox/sandboxtest"
)

// shared is what all tests of one run have in common.
var shared = struct {
	scratch string
	build   sync.Once
	bin     string
	err     error
	compile sync.Once // of hog
}{}

// hog is the conformance suite's program, built once, or the one that
// DRYDOCK_HOG names where there is no compiler.
func hog(t testing.TB) string {
	t.Helper()
	if ready := os.Getenv("DRYDOCK_HOG"); ready != "" {
		return ready
	}
	shared.compile.Do(func() { sandboxtest.BuildHog(t, shared.scratch) })
	return filepath.Join(shared.scratch, "hog")
}

// programs need both binaries and return the directory that holds them. A
// build that fails is a failure, never a skip.
func programs(t testing.TB) string {
	t.Helper()
	shared.build.Do(func() { shared.bin, shared.err = build() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.bin
}

func drydock(t testing.TB) string { return filepath.Join(programs(t), "drydock") }

func build() (string, error) {
	bin := os.Getenv("DRYDOCK_BIN")
	if bin == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		cmd := exec.Command("make", "-C", root, "build")
		if output, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("make build: %w\n%s", err, output)
		}
		bin = filepath.Join(root, "bin")
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"drydock", "drydock-shim"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return "", fmt.Errorf("the build left no %s: %w", name, err)
		}
	}
	return bin, nil
}

// moduleRoot is the directory of go.mod above this package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the tests")
		}
		dir = parent
	}
}

// home is a machine of its own for drydock: state, sockets, leases.
type home struct{ dir string }

func newHome(t testing.TB) home {
	t.Helper()
	dir, err := os.MkdirTemp(shared.scratch, "home-")
	if err != nil {
		t.Fatal(err)
	}
	h := home{dir}
	if err := os.Mkdir(h.leases(), 0o1777); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h home) state() string  { return filepath.Join(h.dir, "state") }
func (h home) leases() string { return filepath.Join(h.dir, "leases") }

func (h home) env() []string {
	return []string{"DRYDOCK_STATE_DIR=" + h.state(), "DRYDOCK_LEASE_DIR=" + h.leases()}
}
