// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"path/filepath"
	"testing"

	"drydock/integration/engines"
	"drydock/integration/guest/wire"
	"drydock/internal/need"
	"drydock/sandbox/sandboxtest"
)

// A current Docker Engine on cgroup v2, with Debian's containerd and runc.
func TestV2Docker(t *testing.T) {
	t.Parallel()
	files, env := dockerParts(t)
	conformance := Tests{Name: "docker", Package: "drydock/sandbox/docker", Run: "^TestConformance$", Env: env,
		Args: []string{"-sandboxtest.rounds=1", "-sandboxtest.repeats=3"}}
	// What depends on the version of cgroups; scripts/fidelity guest-docker runs all.
	fidelity := Tests{Name: "fidelity", Package: "drydock/integration/e2e/fidelity", Env: env,
		Run:  "^TestFidelity$/^truth$/^(oom-main|oom-child-exit0|single-child-exit0|allocatable|pagecache|shm-auto|res-guaranteed|info)$",
		Args: []string{"-fidelity.record=-", "-fidelity.sandbox=docker", "-fidelity.engine=" + engines.V28.String()}}
	if *soakFlag {
		conformance.Args = []string{"-sandboxtest.rounds=10", "-sandboxtest.repeats=50"}
		fidelity.Run = ""
	}
	Machine{
		Files: files,
		Tests: []Tests{
			{Name: "engine", Package: "drydock/integration/engines", Run: "^Test(Busybox|Bridge|NothingLeft.*)$", Env: env},
			conformance, fidelity,
		},
	}.Run(t, *runFlag)
}

// The same engine where systemd owns the cgroups: it asks systemd for its
// containers', and drydock for the slices above them.
func TestSystemdDocker(t *testing.T) {
	t.Parallel()
	files, env := dockerParts(t)
	Machine{
		Systemd: true, Files: files,
		Tests: []Tests{{Name: "docker", Package: "drydock/sandbox/docker", Env: env,
			Run:  "^TestSystemd|^TestConformance$/^docker-28.5$/^(C1|C3|C4|C6-single-process|D3|D4|D11|nothing-left|devices-.*held)$",
			Args: []string{"-sandboxtest.rounds=1", "-sandboxtest.repeats=3"}}},
	}.Run(t, *runFlag)
}

// dockerParts are the files and the environment for tests of that engine.
func dockerParts(t *testing.T) (files map[string]string, env []string) {
	t.Helper()
	dockerd, err := engines.BuildDockerd(t.Context())
	if err != nil {
		need.Skip(t, "dockerd28", "needs a Docker Engine built from its module: "+err.Error())
	}
	return map[string]string{"bin/dockerd": dockerd, "bin/hog": sandboxtest.BuildHog(t, t.TempDir())}, []string{
		engines.RowsVariable + "=" + engines.V28.String(),
		engines.ReadyVariable + "=" + filepath.Join(wire.Payload, "bin/dockerd"),
	}
}
