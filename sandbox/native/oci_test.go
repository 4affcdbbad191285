// SPDX-License-Identifier: Apache-2.0

package native

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
)

func planFor(t *testing.T, change func(*sandbox.Spec)) *specs.Spec {
	t.Helper()
	s := &Sandbox{hierarchy: cgroup.Hierarchy{Version: 1, Controllers: map[string]string{"memory": "/m", "cpu": "/c", "pids": "/p"}}}
	spec := sandbox.Spec{
		ID: "x", Attempt: 1, Dir: t.TempDir(), WorkDir: t.TempDir(), Args: []string{"true"}, Env: []string{"TOKEN=secret"},
		Limits: sandbox.Limits{CPUShares: 1024, CPUQuota: 100000, CPUPeriod: 100000, Memory: 64 << 20, Pids: 9, OOMScoreAdj: 500, NoFile: 1 << 20},
	}
	if change != nil {
		change(&spec)
	}
	config, err := s.plan(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &config.OCI
}

func TestPlanLimits(t *testing.T) {
	oci := planFor(t, nil)
	r := oci.Linux.Resources
	if *r.Memory.Limit != 64<<20 || *r.CPU.Shares != 1024 || *r.CPU.Quota != 100000 || *r.CPU.Period != 100000 || *r.Pids.Limit != 9 {
		t.Errorf("resources = %+v", r)
	}
	if *oci.Process.OOMScoreAdj != 500 {
		t.Error("the caller's oom_score_adj would be inherited")
	}
	if len(r.Devices) != 1 || r.Devices[0].Allow {
		t.Errorf("devices are not denied first: %+v", r.Devices)
	}
}

func TestPlanSecurity(t *testing.T) {
	oci := planFor(t, nil)
	if !oci.Process.NoNewPrivileges || oci.Linux.Seccomp == nil {
		t.Error("no-new-privileges or seccomp is missing")
	}
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/sys/firmware", "/sys/devices/virtual/powercap"} {
		if !slices.Contains(oci.Linux.MaskedPaths, path) {
			t.Errorf("%s is not masked", path)
		}
	}
	types := map[specs.LinuxNamespaceType]bool{}
	for _, ns := range oci.Linux.Namespaces {
		types[ns.Type] = true
	}
	if !types[specs.PIDNamespace] || !types[specs.IPCNamespace] || types[specs.UserNamespace] || types[specs.NetworkNamespace] {
		t.Errorf("namespaces = %v", types)
	}
	none := planFor(t, func(s *sandbox.Spec) { s.Network = sandbox.NetworkNone })
	if !slices.ContainsFunc(none.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.NetworkNamespace }) {
		t.Error("network none shares the host's")
	}
}

func TestCapabilities(t *testing.T) {
	tests := []struct {
		mode sandbox.CapMode
		n    int
		raw  bool
	}{{sandbox.CapsDefault, 11, false}, {"", 11, false}, {sandbox.CapsRestricted, 0, false}, {sandbox.CapsCluster, 14, true}}
	for _, tt := range tests {
		caps := capabilities(tt.mode)
		if len(caps.Bounding) != tt.n || slices.Contains(caps.Effective, "CAP_NET_RAW") != tt.raw || len(caps.Inheritable)+len(caps.Ambient) > 0 {
			t.Errorf("%q: %+v", tt.mode, caps)
		}
	}
}

func TestCheckSpec(t *testing.T) {
	good := sandbox.Spec{ID: "x", Attempt: 1, Dir: "/d", Args: []string{"true"}}
	tests := []struct {
		name   string
		change func(*sandbox.Spec)
		want   string
	}{
		{"fine", func(*sandbox.Spec) {}, ""},
		{"no command", func(s *sandbox.Spec) { s.Args = nil }, "command"},
		{"image", func(s *sandbox.Spec) { s.Image = "python:3.12" }, "image"},
		{"network", func(s *sandbox.Spec) { s.Network = "bridge" }, "network"},
		{"relative directory", func(s *sandbox.Spec) { s.Dir = "d" }, "absolute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := good
			tt.change(&spec)
			err := checkSpec(spec)
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestResolveUser(t *testing.T) {
	for name, want := range map[string]specs.User{
		"":        {AdditionalGids: []uint32{0}},
		"1234:99": {UID: 1234, GID: 99, AdditionalGids: []uint32{99}},
		"1234":    {UID: 1234, AdditionalGids: []uint32{0}},
	} {
		if u, err := resolveUser(name); err != nil || !reflect.DeepEqual(u, want) {
			t.Errorf("%q = %+v, %v, want %+v", name, u, err, want)
		}
	}
	if u, err := resolveUser("root"); err != nil || u.UID != 0 || slices.Index(u.AdditionalGids, 0) != 0 {
		t.Errorf("root = %+v, %v", u, err)
	}
	if _, err := resolveUser("no-such-user"); err == nil {
		t.Error("an unknown user is taken")
	}
}
