// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"drydock/internal/need"
	"drydock/sandbox"
)

// An ordinary user's task sees of the nodes that are open to everybody, as
// NVIDIA's are, the one that it was given.
func TestUserDevices(t *testing.T) {
	ordinaryUser(t)
	node := openToAll(t)
	s := newSandbox(t, shim(t), t.TempDir())
	spec := func(held ...string) sandbox.Spec {
		spec := sandbox.Spec{
			ID: ulid.Make().String(), Attempt: 1, Dir: t.TempDir(), WorkDir: t.TempDir(), Network: sandbox.NetworkNone,
			Args:   []string{"/bin/sh", "-c", "test -e " + node + " || echo absent; (: <" + node + ") 2>/dev/null && echo opened"},
			Limits: sandbox.Limits{CPUShares: 1024, Memory: 64 << 20, ShmSize: 1 << 20, Pids: 64},
		}
		spec.Args[2] += "; true"
		if held != nil {
			spec.Accelerators = &sandbox.Accelerators{Class: sandbox.ClassNVIDIA, IDs: []string{"x"}, Nodes: held, Groups: []int{54321}}
		}
		return spec
	}
	if said := output(t, s, spec(node)); said != "opened\n" {
		t.Errorf("the task that holds %s said %q", node, said)
	}
	if said := output(t, s, spec()); said != "absent\n" {
		t.Errorf("the task that does not hold %s said %q", node, said)
	}
	// Nor by another way: all that is mounted below a mount comes with it.
	around := spec()
	around.Mounts = []sandbox.Mount{{Source: "/", Target: "/mnt"}}
	around.Args[2] = "test -e /mnt" + node + " && echo there; (: </mnt" + node + ") 2>/dev/null && echo opened; true"
	if said := output(t, s, around); said != "there\n" {
		t.Errorf("the task that mounts the whole machine said %q", said)
	}
	// One that is root's alone is refused in words.
	_, err := s.Start(t.Context(), spec("/dev/kmsg"), sandbox.Streams{})
	if e, ok := errors.AsType[*sandbox.AcceleratorError](err); !ok || !strings.Contains(e.Message, "/dev/kmsg") || !strings.Contains(e.Remedy, "udev") {
		t.Errorf("a node of root's: %v", err)
	}
}

// openToAll finds a device that everybody may open and that no sandbox has by
// itself.
func openToAll(t testing.TB) string {
	t.Helper()
	var tried []string
	for _, path := range []string{"/dev/net/tun", "/dev/fuse", "/dev/vsock", "/dev/kvm", "/dev/rfkill", "/dev/vhost-vsock"} {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			f.Close()
			return path
		}
		tried = append(tried, err.Error())
	}
	need.Skip(t, "devices", "needs a device that everybody may open: "+strings.Join(tried, "; "))
	return ""
}
