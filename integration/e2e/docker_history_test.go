// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
)

// Tasks in an engine are listed, followed, stopped and run again as any
// others, also when their drydock was killed.
func TestDockerTasksOfOthers(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		for _, killed := range []bool{false, true} {
			c := h.start(t, "run", "--memory", "64Mi", "--network", "none", "--image", busybox, "--json", "--",
				"sh", "-c", "trap 'exit 7' TERM; "+strings.ReplaceAll(ticking, "sleep 0.1", "sleep 1"))
			c.waitFor(t, "tick 1")
			if killed {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				c.end(t)
			}
			h.untilStatus(t, "running")
			logs := h.start(t, "logs", "last", "-f")
			logs.waitFor(t, "tick 1")
			h.run(t, "stop", "last", "--json").want(t, 0, "aborted")
			if !killed {
				c.end(t).want(t, 143, "aborted")
			}
			logs.end(t).want(t, 0, "")
			if l := h.status(t); l.Status != "ended" || l.Verdict != "aborted" {
				t.Errorf("ps says %+v", l)
			}
			h.run(t, "prune", "--all").want(t, 0, "")
		}
		h.inside(t, busybox, nil, "sh", "-c", "echo once; exit 3").want(t, 3, "failed")
		r := h.run(t, "rerun", "last", "--json")
		r.want(t, 3, "failed")
		if r.output("stdout") != "once\n" {
			t.Errorf("it printed %q", r.output("stdout"))
		}
	})
}
