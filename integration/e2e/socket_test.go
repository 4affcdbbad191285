// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"drydock/internal/need"
)

// A root task that reaches the engine's socket owns the host. So no socket of
// the host can be connected to from inside, wherever it lies; -v brings one
// back for whoever wants it.
func TestHostSockets(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	for _, tc := range []struct{ name, parent, file string }{
		{"tmp", "/tmp", "agent.sock"},
		{"run", "/run", "service.sock"},
		{"engine", "/run", "docker.sock"},
		{"var-run", "/var/run", "podman.sock"},
		{"var-tmp", "/var/tmp", "any.sock"},
		{"home", os.Getenv("HOME"), "gpg.sock"},
		{"srv", "/srv", "any.sock"},
		{"dev-shm", "/dev/shm", "any.sock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, err := os.MkdirTemp(tc.parent, "drydock-socket-")
			if err != nil {
				need.Gap(t, err.Error())
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, tc.file)
			listen(t, path)
			r := h.run(t, "run", "--memory", "64Mi", "--json", "--", "./hog", "dial", path)
			r.want(t, 0, "succeeded")
			if got := r.output("stdout"); got == "connected\n" || got == "" {
				t.Errorf("dialling the host's %s from inside: %q", path, got)
			}
		})
	}
}

func TestHostSocketBroughtBack(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	dir, err := os.MkdirTemp("/var/tmp", "drydock-socket-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "wanted.sock")
	listen(t, path)
	r := h.run(t, "run", "--memory", "64Mi", "-v", dir+":"+dir, "--json", "--", "./hog", "dial", path)
	r.want(t, 0, "succeeded")
	if got := r.output("stdout"); got != "connected\n" {
		t.Errorf("dialling %s, which was brought back: %q", path, got)
	}
}

// Abstract sockets have no path; they belong to the network namespace. With
// --network none they are out of reach, with the host's network they are not:
// that is a known property of it, noted here and not counted.
func TestAbstractSockets(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	name := "@drydock-test-" + filepath.Base(h.dir)
	listen(t, name)
	r := h.run(t, "run", "--memory", "64Mi", "--network", "none", "--json", "--", "./hog", "dial", name)
	r.want(t, 0, "succeeded")
	if got := r.output("stdout"); got != "Connection refused\n" {
		t.Errorf("dialling an abstract socket without a network: %q", got)
	}
	r = h.run(t, "run", "--memory", "64Mi", "--network", "host", "--json", "--", "./hog", "dial", name)
	t.Logf("dialling an abstract socket with the host's network: %q", r.output("stdout"))
}

// listen accepts connections on a Unix socket until the test ends.
func listen(t *testing.T, path string) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
}
