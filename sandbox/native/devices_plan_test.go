// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/devices"
)

// The attempt gets its nodes with the owner, the numbers and the mode that they
// have here, and rules for exactly these: to read and write, not to make.
func TestPlanDevices(t *testing.T) {
	oci := planFor(t, func(s *sandbox.Spec) {
		s.Caps = sandbox.CapsCluster
		s.Accelerators = &sandbox.Accelerators{Class: "AMD_GPU", Nodes: []string{"/dev/null"}, Groups: []int{105}, Env: []string{"TOKEN=theirs"}}
	})
	null, err := devices.Find(&sandbox.Accelerators{Nodes: []string{"/dev/null"}})
	if err != nil {
		t.Fatal(err)
	}
	major, minor, root, mode := int64(1), int64(3), uint32(0), null[0].Mode
	wantRules := []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		{Allow: true, Type: "c", Major: &major, Minor: &minor, Access: "rw"},
	}
	if diff := cmp.Diff(wantRules, oci.Linux.Resources.Devices); diff != "" {
		t.Error(diff)
	}
	wantNodes := []specs.LinuxDevice{{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode, UID: &root, GID: &root}}
	if diff := cmp.Diff(wantNodes, oci.Linux.Devices); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(oci.Process.User.AdditionalGids, 105) {
		t.Errorf("the groups are %v", oci.Process.User.AdditionalGids)
	}
	if diff := cmp.Diff([]string{"TOKEN=theirs"}, oci.Process.Env); diff != "" {
		t.Error(diff)
	}
	for _, set := range [][]string{oci.Process.Capabilities.Bounding, oci.Process.Capabilities.Effective, oci.Process.Capabilities.Permitted} {
		if slices.Contains(set, "CAP_MKNOD") || slices.Contains(set, "CAP_SYS_ADMIN") || len(set) == 0 {
			t.Errorf("capabilities %v", set)
		}
	}
	if !slices.Contains(clusterCaps, "CAP_MKNOD") {
		t.Error("the set for all attempts was changed")
	}
}

// An ordinary user's sandbox has no group but one, so that a node has to be
// open to that, or to everybody.
func TestMayOpen(t *testing.T) {
	for _, tc := range []struct {
		node devices.Node
		want bool
	}{
		{devices.Node{Mode: 0o666}, true},
		{devices.Node{Mode: 0o660, GID: 105}, false},
		{devices.Node{Mode: 0o660, GID: 1000}, true},
		{devices.Node{Mode: 0o640, GID: 1000}, false},
		{devices.Node{Mode: 0o606, GID: 1000}, false}, // a group can be there to deny something
		{devices.Node{Mode: 0o600, UID: 1000}, true},
		{devices.Node{Mode: 0o600}, false},
		{devices.Node{Mode: 0o664}, false},
	} {
		if got := mayOpen(tc.node, 1000, 1000); got != tc.want {
			t.Errorf("%+v: %v", tc.node, got)
		}
	}
}

func TestPlanUserDevices(t *testing.T) {
	user := &Sandbox{ids: &idMap{}, hierarchy: cgroup.Hierarchy{Version: 2}}
	spec := sandbox.Spec{Accelerators: &sandbox.Accelerators{Nodes: []string{"/dev/null"}, Groups: []int{105}}}
	nodes, err := user.findDevices(spec)
	if err != nil {
		t.Fatal(err)
	}
	oci := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}, Linux: &specs.Linux{Resources: &specs.LinuxResources{}}}
	user.addDevices(oci, spec, nodes)
	if d := oci.Linux.Devices; len(d) != 1 || d[0].UID != nil || d[0].GID != nil || len(oci.Process.User.AdditionalGids) != 0 {
		t.Errorf("%+v, groups %v", d, oci.Process.User.AdditionalGids)
	}
	if rows := user.deviceEnforcement(spec); len(rows) != 1 || rows[0].State != sandbox.Emulated || !strings.Contains(rows[0].Why, "no device filter") {
		t.Errorf("%+v", rows)
	}
	spec.Accelerators.Nodes = []string{"/dev/drydock-not-there"}
	if _, err := user.findDevices(spec); err == nil {
		t.Error("a node that is not there was found")
	} else if _, ok := errors.AsType[*sandbox.AcceleratorError](err); !ok {
		t.Errorf("%v", err)
	}
}
