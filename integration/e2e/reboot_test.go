// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"drydock/internal/failpoint"
)

// A reboot takes all processes, cgroups, mounts and the lease directory, and
// leaves the state directory as it was, dead sockets and private layers in it.
// Here processes are killed instead, which takes their cgroups' content and
// their mounts; then the lease directory goes.
func TestReboot(t *testing.T) {
	unknown, failed := []string{"unknown"}, []string{"failed"}
	for _, d := range []death{
		{at: []failpoint.Step{failpoint.Claimed}, verdicts: []string{"error"}},
		{at: []failpoint.Step{failpoint.ConfigSent, failpoint.ContainerStarted}, verdicts: unknown},
		{at: []failpoint.Step{failpoint.ConfigSent, failpoint.Executed}, verdicts: unknown},
		{at: []failpoint.Step{failpoint.ConfigSent, failpoint.OutcomeDrafted}, verdicts: unknown},
		{at: []failpoint.Step{failpoint.ConfigSent, failpoint.OutcomeWritten}, verdicts: failed},
		{at: []failpoint.Step{failpoint.Judged}, verdicts: failed},
	} {
		d.drydock = true
		for _, command := range []string{"ps", "wait"} {
			t.Run(d.String()+"/"+command, func(t *testing.T) {
				h := newHome(t)
				nothingLeftOf(t, h)
				id, _ := d.begin(t, h, nil, failing...)
				if slices.Contains(d.at, failpoint.Executed) && !exists(filepath.Join(h.state(), "tasks", id, "attempts", "1", "layers")) {
					t.Fatal("there is no private layer: this test shows nothing")
				}
				h.untilFree(t)
				if err := os.RemoveAll(h.leases()); err != nil {
					t.Fatal(err)
				}
				d.next(t, h, command, id)
				d.settled(t, h, id, func() []listed { return h.ps(t) })
				h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
			})
		}
	}
}
