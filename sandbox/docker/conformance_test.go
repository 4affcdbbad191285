// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"os"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/sandboxtest"
)

// lacks are the cases that no engine can pass.
var lacks = map[string]string{
	"bytes": "an engine takes arguments as JSON text",
}

func newSandbox(t testing.TB, e *engines.Engine, leaseDir string) *docker.Sandbox {
	t.Helper()
	s, err := docker.New(t.Context(), docker.Config{Engine: engine.Config{Host: e.Socket}, LeaseDir: leaseDir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// inImage runs a spec of the suite's in an image: the program lies in the
// working directory, which is mounted where it is on the host.
func inImage(image string) func(sandbox.Spec) sandbox.Spec {
	return func(spec sandbox.Spec) sandbox.Spec {
		spec.Image = image
		spec.Mounts = append([]sandbox.Mount{{Source: spec.WorkDir, Target: spec.WorkDir}}, spec.Mounts...)
		return spec
	}
}

func TestConformance(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	for _, e := range engines.All(t) {
		t.Run(e.Name, func(t *testing.T) { conform(t, e) })
	}
}

func conform(t *testing.T, e *engines.Engine) {
	groupKill := sandbox.GroupEmulated
	if need.CgroupVersion() == 2 {
		groupKill = sandbox.GroupEnforced
	}
	sandboxtest.Conformance(t, sandboxtest.Backend{
		Name:          "docker",
		New:           func(t testing.TB) sandbox.Sandbox { return newSandbox(t, e, t.TempDir()) },
		Adapt:         inImage(engines.Busybox(t, e)),
		CgroupVersion: need.CgroupVersion(),
		GroupKill:     groupKill,
		Kernel:        true,
		Durable:       true,
		Program:       os.Getenv("DRYDOCK_HOG"), // prebuilt, where there is no compiler (a test guest)
		Lacks:         lacks,
	})
}
