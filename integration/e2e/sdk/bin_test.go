// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"drydock/internal/need"
)

// shared is what all tests of one run have in common.
var shared = &common{}

type common struct {
	scratch string
	build   sync.Once
	bin     string
	err     error

	mu      sync.Mutex
	servers map[string]*server // by requirements file
}

// The requirements files.
const (
	newest = "newest.txt"
	oldest = "oldest.txt"
)

// sdk needs all that these tests need and returns the virtual environment of a
// requirements file.
func sdk(t testing.TB, requirements string) string {
	t.Helper()
	if testing.Short() {
		need.Gap(t, "-short")
	}
	need.Root(t)
	need.Cgroups(t)
	need.Program(t, "tar")
	return need.SDK(t, filepath.Join("requirements", requirements))
}

// server returns a server that all tests of this run share.
func (c *common) server(t testing.TB, requirements string) *server {
	t.Helper()
	venv := sdk(t, requirements)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.servers[requirements]
	if s == nil {
		s = newServer(t, venv)
		s.start(t)
		if c.servers == nil {
			c.servers = map[string]*server{}
		}
		c.servers[requirements] = s
	}
	s.watch(t)
	return s
}

func (c *common) stop() []error {
	var all []error
	for _, s := range c.servers {
		if err := s.stop(); err != nil {
			all = append(all, fmt.Errorf("the shared server: %w\n%s", err, s.log.tail(4000)))
		}
	}
	return all
}

// drydock is the path of the program. A build that fails is a failure, never a
// skip.
func drydock(t testing.TB) string {
	t.Helper()
	shared.build.Do(func() { shared.bin, shared.err = build() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return filepath.Join(shared.bin, "drydock")
}

func build() (string, error) {
	bin := os.Getenv("DRYDOCK_BIN")
	if bin == "" {
		root := filepath.Join("..", "..", "..")
		if output, err := exec.Command("make", "-C", root, "build").CombinedOutput(); err != nil {
			return "", fmt.Errorf("make build: %w\n%s", err, output)
		}
		bin = filepath.Join(root, "bin")
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(filepath.Join(bin, "drydock"))
	_, errShim := os.Stat(filepath.Join(bin, "drydock-shim"))
	return bin, errors.Join(err, errShim)
}

// bareVenv is a virtual environment with nothing in it.
func bareVenv(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(shared.scratch, "bare")
	if out, err := exec.Command("python3", "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
