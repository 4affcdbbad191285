// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"drydock/internal/need"
)

// parts are what every machine is made of.
type parts struct {
	dir     string // scratch of this run
	kernel  string
	modules []string
	root    string
}

// partsPatience bounds the making of what is not in the cache: two downloads
// and a bootstrap, which take about two minutes.
const partsPatience = 15 * time.Minute

// prepare needs all that a guest is made with.
func prepare(t *testing.T) parts {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		need.Skip(t, "guest", "needs an x86-64 machine for a guest")
	}
	need.Root(t)
	for _, program := range []string{"qemu-system-x86_64", "debootstrap", "mke2fs", "apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			need.Skip(t, "guest", "needs the program "+program+" for a guest (scripts/need guest)")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), partsPatience)
	defer cancel()
	p := parts{dir: t.TempDir()}
	k, err := fetchKernel(ctx)
	if err == nil {
		p.kernel, err = k.image()
	}
	if err == nil {
		p.modules, err = k.modules()
	}
	if err == nil {
		p.root, err = rootImage(ctx)
	}
	if err != nil {
		need.Skip(t, "guest", "needs Debian packages for a guest: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return p
}

// build builds something for the guest, statically.
func build(t *testing.T, out string, command ...string) {
	t.Helper()
	args := append(command[:len(command)-1:len(command)-1], "-trimpath", "-o", out, command[len(command)-1])
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// binaries is the directory with drydock's programs: DRYDOCK_BIN, or what
// make build makes.
func binaries(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("DRYDOCK_BIN"); bin != "" {
		return bin
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), "make", "-C", root, "build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, output)
	}
	return filepath.Join(root, "bin")
}

// hasTest asks a test binary, which runs here too, whether a pattern chooses
// any of its tests.
func hasTest(t *testing.T, binary, pattern string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "-test.list="+topLevel(pattern))
	cmd.Env = append(os.Environ(), need.GuestVariable+"=1")
	list, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s -test.list=%s: %v\n%s", filepath.Base(binary), pattern, err, list)
	}
	return strings.Contains("\n"+string(list), "\nTest")
}

// topLevel leaves of a pattern for -test.run what is about tests and not about
// subtests: of every alternative what stands before the first slash.
func topLevel(pattern string) string {
	var top strings.Builder
	depth, below := 0, false
	for _, c := range pattern {
		switch c {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case '/':
			below = below || depth == 0
		case '|':
			below = below && depth > 0
		}
		if !below {
			top.WriteRune(c)
		}
	}
	if top.Len() == 0 {
		return "."
	}
	return top.String()
}

// copyAll copies a file, or a directory with all below it.
func copyAll(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.IsDir() {
		return errors.Join(os.CopyFS(to, os.DirFS(from)), copyTimes(to, from))
	}
	content, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(to, content, info.Mode().Perm()))
}

// copyTimes gives the copies of files their times: Python would compile what
// seems to be newer than its compiled form.
func copyTimes(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chtimes(filepath.Join(to, strings.TrimPrefix(path, from)), info.ModTime(), info.ModTime())
	})
}
