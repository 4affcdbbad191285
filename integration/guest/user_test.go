// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"testing"

	"drydock/internal/need"
)

// An ordinary user, with what systemd delegates and what newuidmap maps.
func TestV2User(t *testing.T) {
	t.Parallel()
	const user = "ordinary"                              // userlandScript makes it
	promised := []string{need.RequireVariable + "=user"} // not root
	native := Tests{Name: "native", Package: "drydock/sandbox/native", User: user, Env: promised,
		Run:  "^Test(ConformanceAsUser|AdoptAfterKill$|AdoptShimKilled|Attach)",
		Args: []string{"-sandboxtest.rounds=1", "-sandboxtest.repeats=5"}}
	e2e := Tests{Name: "e2e", Package: "drydock/integration/e2e", User: user, Env: promised,
		Run: "^Test(User|DrydockKilled|ShimKilled|CtrlC|StateCannotBeMovedAway)"}
	if *soakFlag {
		native.Args = []string{"-sandboxtest.rounds=10", "-sandboxtest.repeats=200"}
	}
	// Little memory: D5 fills it.
	Machine{Systemd: true, Memory: 1024, Files: programs(t), Tests: []Tests{native, e2e}}.Run(t, *runFlag)
}
