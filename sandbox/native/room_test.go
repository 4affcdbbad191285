// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

func TestUnshownPoints(t *testing.T) {
	table := strings.Join([]string{
		"1 0 8:1 / / rw - ext4 /dev/vda rw",
		"2 1 0:5 / /proc rw - proc proc rw",
		"3 1 0:6 / /run/lock rw - tmpfs tmpfs rw",
		"4 1 0:7 / /srv/state/deep rw - overlay overlay rw",
		"5 1 0:7 / /srv/state rw - overlay overlay rw",
		"6 1 0:9 / /data rw - xfs /dev/vdc rw",
		"short",
	}, "\n")
	got := unshownPoints(table, []specs.Mount{{Destination: "/data"}})
	if diff := cmp.Diff([]string{"/srv/state", "/srv/state/deep"}, got); diff != "" {
		t.Error(diff)
	}
}

// Without a private layer a target must exist, or lie where it can be made.
func TestMakeRoom(t *testing.T) {
	for target, want := range map[string]string{
		"/etc":           "",
		"/tmp/a/b":       "",
		"/run/a":         "",
		"/given/a":       "",
		"/unshown/a/b":   "/unshown",
		"/no/such/place": "refused",
	} {
		v := &hostView{rootfs: shimapi.Rootfs{ReadOnly: true, Empty: []string{"/tmp"}}, unshown: []string{"/unshown", "/unshown/a"},
			binds: []sandbox.Mount{{Source: "/", Target: "/given"}}}
		err := v.makeRoom(target)
		if _, refused := errors.AsType[*sandbox.SpecError](err); refused != (want == "refused") {
			t.Errorf("%s: %v", target, err)
		}
		_ = v.makeRoom(target) // a second one needs no more room
		var made []string
		for _, m := range v.mounts {
			made = append(made, m.Destination)
		}
		if want != "refused" && strings.Join(made, " ") != want {
			t.Errorf("%s: room is made at %v, want %q", target, made, want)
		}
	}
}

// A socket that was bound by way of a descriptor has a name that means nothing
// to others; masking it would fail.
func TestSocketsBoundByDescriptor(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	l, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/socket", dir.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil || !strings.Contains(string(table), "/proc/self/fd/") {
		t.Fatalf("the socket is not listed: %v", err)
	}
	var v hostView
	v.maskSockets("/", func(string) bool { return true })
	if slices.ContainsFunc(v.masked, func(path string) bool { return within(path, "/proc") }) {
		t.Errorf("masked %v", v.masked)
	}
}

// What lies in the way of a mount that was asked for makes room for it, and
// what another mount shows instead is not hidden.
func TestHide(t *testing.T) {
	for name, tc := range map[string]struct {
		target         string
		masked, placed bool
	}{
		"elsewhere": {"/other", true, false},
		"below":     {"/state/tasks/x", false, true},
		"above":     {"/state", false, false},
		"itself":    {"/state/tasks", false, false},
	} {
		v := &hostView{}
		v.hide("/state/tasks", []sandbox.Mount{{Source: "/data", Target: tc.target}})
		if masked, placed := len(v.masked) == 1, len(v.mounts) == 1; masked != tc.masked || placed != tc.placed {
			t.Errorf("%s: masked %v, mounts %+v", name, v.masked, v.mounts)
		}
	}
}
