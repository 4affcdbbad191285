// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"strings"
	"testing"
)

func TestLiftTasks(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"drydock logs 01J -f --tail 5", "drydock logs -f --tail 5 -- 01J"},
		{"drydock logs -f 01J --tail 5", "drydock logs -f --tail 5 -- 01J"},
		{"drydock stop 01J 02J --grace 5s", "drydock stop --grace 5s -- 01J 02J"},
		{"drydock wait 01J", "drydock wait -- 01J"},
		{"drydock rerun 01J --override memory=1Gi -e A=b", "drydock rerun --override memory=1Gi -e A=b -- 01J"},
		{"drydock logs -- -f", "drydock logs -- -f"},
		{"drydock run logs -f", "drydock run logs -f"},
		{"drydock", "drydock"},
	} {
		if got := strings.Join(liftTasks(World{}, strings.Fields(tc.args)), " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.args, got, tc.want)
		}
	}
}
