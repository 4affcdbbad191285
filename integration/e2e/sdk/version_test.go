// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"path/filepath"
	"testing"
)

// Another SDK on both sides: the oldest that drydock knows how to run.
func TestOldest(t *testing.T) {
	s := shared.server(t, oldest)
	s.prove(t, nil, "basics.py")
	s.prove(t, nil, "hello.py")
	out := s.flyte(t, "run", "--follow", "hello.py", "greet", "--name", "grace").succeed(t)
	want(t, out, "greeting grace")
}

// A client of another minor version than the tasks' Python is told so before
// anything runs.
func TestOtherVersion(t *testing.T) {
	s := shared.server(t, newest)
	env := s.client("PATH=" + filepath.Join(sdk(t, oldest), "bin") + ":/usr/bin:/bin")
	p := spawn(t, patience, env, programs(t), filepath.Join(sdk(t, oldest), "bin", "flyte"), "run", "hello.py", "greet", "--name", "x")
	if p.exit(t) == 0 {
		t.Error("exit 0")
	}
	want(t, p.out.String(), "the client uses flyte 2.", "install the same on both sides", "pip install")
}
