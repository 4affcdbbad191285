// SPDX-License-Identifier: Apache-2.0

package devices

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox"
)

// The nodes that every Linux has, which anybody may look at.
func TestFind(t *testing.T) {
	if nodes, err := Find(nil); nodes != nil || err != nil {
		t.Errorf("without devices: %v, %v", nodes, err)
	}
	nodes, err := Find(&sandbox.Accelerators{Nodes: []string{"/dev/null", "/dev/zero"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		info, err := os.Stat(n.Path)
		if err != nil {
			t.Fatal(err)
		}
		if n.Major != 1 || n.Minor != []uint32{3, 5}[i] || n.Mode != info.Mode().Perm() { // Documentation/admin-guide/devices.txt
			t.Errorf("%+v", n)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	for path, says := range map[string]string{
		"/dev/drydock-not-there":    "does not exist any more",
		"/dev/null/below":           "not a directory",
		"/dev/fd":                   "is a symbolic link",
		"/dev/fd/0":                 "is a symbolic link",
		"/dev/shm":                  "is not a character device",
		"/dev":                      "is not below /dev",
		"/dev/":                     "is not below /dev",
		"/dev//null":                "is not below /dev",
		"/dev/../dev/null":          "is not below /dev",
		"/etc/passwd":               "is not below /dev",
		"dev/null":                  "is not below /dev",
		"":                          "is not below /dev",
		"/devices/null":             "is not below /dev",
		"/proc/self/root/dev/null":  "is not below /dev",
		"/dev/stdin/../../dev/null": "is not below /dev",
	} {
		nodes, err := Find(&sandbox.Accelerators{Nodes: []string{"/dev/null", path}})
		e, ok := errors.AsType[*sandbox.AcceleratorError](err)
		if !ok || nodes != nil || !strings.Contains(e.Message, says) || e.Remedy == "" || e.Stale != (path == "/dev/drydock-not-there") {
			t.Errorf("%q: %v, %+v", path, nodes, err)
		}
	}
}

// What NVIDIA's nodes mean when they are not there.
func TestExplain(t *testing.T) {
	for path, want := range map[string]string{
		"/dev/nvidia-uvm": "accelerator: nvidia-uvm is not loaded: /dev/nvidia-uvm does not exist; run `sudo nvidia-modprobe -u -c 0`, which loads the module and makes the node",
		"/dev/nvidiactl":  "accelerator: the NVIDIA kernel module is not loaded: /dev/nvidiactl does not exist; run `sudo nvidia-modprobe -c 0`, or reboot after a driver upgrade",
		"/dev/nvidia7":    "accelerator: the device node /dev/nvidia7 does not exist any more; run `drydock devices` to see what this machine has",
	} {
		if got := explain(path, fs.ErrNotExist).Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestRequired(t *testing.T) {
	a := &sandbox.Accelerators{Nodes: []string{"/dev/nvidia0", "/dev/nvidia-uvm-tools", "/dev/nvidia-uvm"}}
	if diff := cmp.Diff([]string{"/dev/nvidia0", "/dev/nvidia-uvm"}, Required(a)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckMounts(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/dev", link); err != nil {
		t.Fatal(err)
	}
	for source, right := range map[string]bool{
		"/dev": false, "/dev/": false, "/": false, "/dev/dri": false, "/dev/null": false, "/etc/../dev": false, link: false,
		"/dev/shm": true, "/dev/shm/mine": true, "/devices": true, "/etc": true, dir: true,
	} {
		spec := sandbox.Spec{Mounts: []sandbox.Mount{{Source: "/etc", Target: "/a"}, {Source: source, Target: "/b"}}}
		if err := CheckMounts(spec); err != nil {
			t.Errorf("%s without devices: %v", source, err)
		}
		spec.Accelerators = &sandbox.Accelerators{}
		err := CheckMounts(spec)
		if e, ok := errors.AsType[*sandbox.SpecError](err); (err == nil) != right || !right && (!ok || e.Field != "mount" || e.Remedy == "") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// What is mounted there NVIDIA's runtime takes for a request, of a task without
// devices as well.
func TestCheckRequests(t *testing.T) {
	for target, right := range map[string]bool{
		"/var/run/nvidia-container-devices/all": false, "/run/nvidia-container-devices/GPU-0": false,
		"/var/run/nvidia-container-devices": false, "/var/./run/nvidia-container-devices/cdi/x": false,
		"/var/run/nvidia-container-devices-2": true, "/run/nvidia": true, "/var": true,
	} {
		err := CheckMounts(sandbox.Spec{Mounts: []sandbox.Mount{{Source: "/dev/null", Target: target}}})
		if e, ok := errors.AsType[*sandbox.SpecError](err); (err == nil) != right || !right && (!ok || e.Remedy == "") {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env := []string{"A=1", "B=2", "A=3", "AB=4", "C"}
	if diff := cmp.Diff([]string{"B=2", "AB=4", "A=own", "C=own"}, Environment(env, []string{"A=own", "C=own"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"A=1", "B=2", "A=3", "AB=4", "C"}, env); diff != "" {
		t.Errorf("the caller's list was changed: %s", diff)
	}
}
