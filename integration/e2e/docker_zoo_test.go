// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"drydock/integration/e2e/zoo"
	"drydock/integration/engines"
	"drydock/internal/need"
)

// The zoo's programs end in an image as they do without one: those that a
// plain Debian with python3 can run. Not on Podman: its profile of system calls
// lets anybody make a user namespace, which a hostile program must not.
func TestDockerZoo(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	scenarios, err := zoo.Load(*zooDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range engines.Kinds() {
		if kind == engines.Pod {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			e := engines.Shared(t, kind)
			runner := newZooRunner(t)
			runner.Image = engines.Python(t, e)
			runner.Env = append(runner.Env, "DOCKER_HOST="+e.Socket)
			for _, s := range scenarios {
				if len(s.Needs) > 0 { // Java and Node are not in the image
					continue
				}
				t.Run(s.ID, func(t *testing.T) {
					if s.ID == "c-near-limit" {
						need.Gap(t, "its peak lasts for less than a sample, and an engine removes the cgroup in which one could look afterwards")
					}
					runScenario(t, runner, s)
				})
			}
		})
	}
}
