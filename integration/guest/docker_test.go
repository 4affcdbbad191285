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
	dockerd, err := engines.BuildDockerd(t.Context())
	if err != nil {
		need.Skip(t, "dockerd28", "needs a Docker Engine built from its module: "+err.Error())
	}
	env := []string{
		engines.RowsVariable + "=" + engines.V28.String(),
		engines.ReadyVariable + "=" + filepath.Join(wire.Payload, "bin/dockerd"),
	}
	conformance := Tests{Name: "docker", Package: "drydock/sandbox/docker", Run: "^TestConformance$", Env: env,
		Args: []string{"-sandboxtest.rounds=1", "-sandboxtest.repeats=3"}}
	if *soakFlag {
		conformance.Args = []string{"-sandboxtest.rounds=10", "-sandboxtest.repeats=50"}
	}
	Machine{
		Files: map[string]string{"bin/dockerd": dockerd, "bin/hog": sandboxtest.BuildHog(t, t.TempDir())},
		Tests: []Tests{
			{Name: "engine", Package: "drydock/integration/engines", Run: "^Test(Busybox|Bridge|NothingLeft.*)$", Env: env},
			conformance,
		},
	}.Run(t, *runFlag)
}
