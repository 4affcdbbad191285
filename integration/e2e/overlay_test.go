// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A state directory on an overlay, as in a container, cannot hold a private
// layer: the root file system is read-only then, and drydock says so.
func TestStateOnOverlay(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	onOverlay(t, h.state())
	host, err := os.CreateTemp("", "of-the-host-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(host.Name())
	defer host.Close()
	r := h.run(t, "run", "--memory", "64Mi", "--json", "--",
		"sh", "-c", `touch /x 2>/dev/null && echo root written; touch here && echo here; touch /tmp/y && echo tmp; test -e "$1" && echo the host\'s /tmp; exit 3`, "sh", host.Name())
	r.want(t, 3, "failed")
	if got, want := r.output("stdout"), "here\ntmp\n"; got != want {
		t.Errorf("the task says %q, want %q", got, want)
	}
	if !strings.Contains(r.stdout, "private-layer") {
		t.Error("nothing is said about the missing layer")
	}
}

// onOverlay mounts an overlay on dir.
func onOverlay(t *testing.T, dir string) {
	t.Helper()
	base := t.TempDir()
	parts := map[string]string{}
	for _, name := range []string{"lower", "upper", "work"} {
		parts[name] = filepath.Join(base, name)
		if err := os.Mkdir(parts[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	options := "lowerdir=" + parts["lower"] + ",upperdir=" + parts["upper"] + ",workdir=" + parts["work"]
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}
