// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"drydock/sandbox/docker/engine"
)

// Each way in which drydock owns no cgroup of an engine's has its own remedy:
// what helps on cgroup v1 is what is in the way where systemd has v2.
func TestEvidenceFix(t *testing.T) {
	docker := func(version int, driver string) engine.Info {
		return engine.Info{Product: "Docker Engine", Local: true, CgroupVersion: version, CgroupDriver: driver}
	}
	podman := docker(2, "systemd")
	podman.Product = "Podman"
	rootless := docker(2, "none")
	rootless.Rootless = true
	for name, tc := range map[string]struct {
		engine engine.Info
		user   bool
		want   string
	}{
		"elsewhere":               {engine: engine.Info{}, want: "own machine"},
		"a user's engine":         {engine: rootless, want: "that root runs"},
		"a user":                  {engine: docker(2, "systemd"), user: true, want: "as root"},
		"v1, systemd's driver":    {engine: docker(1, "systemd"), want: "=cgroupfs"},
		"v2, the engine's own":    {engine: docker(2, "cgroupfs"), want: "=systemd"},
		"v2, Podman":              {engine: podman, want: "Docker Engine"},
		"v2, drydock is in a box": {engine: docker(2, "systemd"), want: "outside of any container"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := evidenceFix(tc.engine, !tc.user); !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want something with %q", got, tc.want)
			}
		})
	}
	if got := engineFix(docker(2, "cgroupfs"))("group-kill"); got != "see oom-evidence" {
		t.Errorf("of the group kill: %q", got)
	}
}
