// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"maps"
	"path/filepath"
	"testing"

	"drydock/integration/guest/wire"
	"drydock/internal/need"
)

// An ordinary user, with what systemd delegates and what newuidmap maps.
func TestV2User(t *testing.T) {
	t.Parallel()
	const user = "ordinary"                              // userlandScript makes it
	promised := []string{need.RequireVariable + "=user"} // not root
	native := Tests{Name: "native", Package: "drydock/sandbox/native", User: user, Env: promised,
		Run:  "^Test(ConformanceAsUser|UserDevices|HardAsUser|AdoptAfterKill$|AdoptShimKilled|Attach)",
		Args: []string{"-sandboxtest.rounds=1", "-sandboxtest.repeats=5"}}
	e2e := Tests{Name: "e2e", Package: "drydock/integration/e2e", User: user, Env: promised,
		Run: "^Test(User|DrydockKilled|ShimKilled|CtrlC|StateCannotBeMovedAway)"}
	// What differs without root; scripts/fidelity user runs all.
	fidelity := Tests{Name: "fidelity", Package: "drydock/integration/e2e/fidelity", User: user, Env: promised,
		Run:  "^TestFidelity$/^truth$/^(oom-main|oom-child-exit0|allocatable|shm-auto|res-guaranteed|info|restricted)$",
		Args: []string{"-fidelity.record=-"}}
	if *soakFlag {
		fidelity.Run = ""
		native.Args = []string{"-sandboxtest.rounds=10", "-sandboxtest.repeats=200"}
	}
	files := programs(t)
	if sdk := flyteSDK(t); sdk != nil {
		maps.Copy(files, sdk)
		e2e.Env = append(e2e.Env, "DRYDOCK_TEST_SDK="+filepath.Join(wire.Payload, "sdk"))
	}
	// Little memory: D5 fills it.
	Machine{Systemd: true, Memory: 1024, Files: files, Tests: []Tests{native, e2e, fidelity}}.Run(t, *runFlag)
}

// flyteSDK is the Flyte SDK of this machine for the guest's Python, and a
// program; nil where it cannot be had, which is a skip of its own.
func flyteSDK(t *testing.T) map[string]string {
	t.Helper()
	var files map[string]string
	t.Run("sdk", func(t *testing.T) {
		tests := filepath.Join("..", "e2e", "sdk")
		venv := need.SDK(t, filepath.Join(tests, "requirements", "newest.txt"))
		libraries, err := filepath.Glob(filepath.Join(venv, "lib", "python3.*", "site-packages"))
		if err != nil || len(libraries) != 1 {
			t.Fatalf("%s: site-packages: %v, %v", venv, libraries, err)
		}
		files = map[string]string{
			"sdk/site-packages": libraries[0],
			"sdk/bin/a0":        filepath.Join(venv, "bin", "a0"),
			"sdk/bin/flyte":     filepath.Join(venv, "bin", "flyte"),
			"sdk/main.py":       filepath.Join(tests, "programs", "main.py"),
		}
	})
	return files
}
