// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"strings"
	"testing"
)

// Tasks are deployed, deployed again, listed, run by name, and run by the
// SDK's reference to them.
func TestDeploy(t *testing.T) {
	s := own(t, "--secrets", secrets(t))
	dir := programs(t)
	deploy := func(env string) string {
		return s.flyteIn(t, dir, "deploy", "--version", "v1", "deployed.py", env).succeed(t)
	}
	want(t, deploy("plain"), "plain.double")
	want(t, deploy("full"), "full.everything")
	t.Run("again", func(t *testing.T) { want(t, deploy("plain"), "plain.double") })
	t.Run("list", func(t *testing.T) {
		want(t, s.flyteIn(t, dir, "get", "task").succeed(t), "plain.double", "full.everything", "v1")
		want(t, s.flyteIn(t, dir, "get", "task", "full.everything").succeed(t), "full.everything")
	})
	t.Run("by name", func(t *testing.T) {
		out := s.flyteIn(t, dir, "run", "--run-project", "proofs", "--run-domain", "development", "--follow",
			"deployed-task", "plain.double", "--x", "4").succeed(t)
		want(t, out, "doubling 4")
	})
	t.Run("by reference", func(t *testing.T) { s.prove(t, nil, "byname.py") })
}

// A reusable environment runs, one process for each call. A container task and
// a schedule are kept as they are; the first is refused when run (TestRefused),
// the second never comes.
func TestDeploySpecial(t *testing.T) {
	s := shared.server(t, newest)
	dir := programs(t)
	for file, env := range map[string]string{"deployed.py": "timed", "refused.py": "boxes"} {
		want(t, s.flyteIn(t, dir, "deploy", file, env).succeed(t), env)
	}
	s.flyteIn(t, dir, "deploy", "deployed.py", "reused").succeed(t)
	want(t, s.flyteIn(t, dir, "run", "--follow", "deployed.py", "warm", "--x", "4").succeed(t), "warming 4")
}

// Every spelling of resources is taken.
func TestDeployShapes(t *testing.T) {
	s := shared.server(t, newest)
	dir := programs(t)
	s.flyteIn(t, dir, "deploy", "--all", "--version", "shapes", "shapes.py").succeed(t)
	out := s.flyteIn(t, dir, "get", "task").succeed(t)
	for _, n := range strings.Fields("shape00 shape12 shape24") {
		want(t, out, n)
	}
}
