// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"slices"
	"testing"

	"drydock/internal/failpoint"
)

// dockerDeaths are the steps of a task with an image that differ from those of
// one without.
func dockerDeaths() []death {
	never, failed, unknown := []string{"error"}, []string{"failed"}, []string{"unknown"}
	all := []death{
		{at: []failpoint.Step{failpoint.ImageReady}, drydock: true, verdicts: never}, // with a supervisor that waits
		{at: []failpoint.Step{failpoint.LeaseTaken}, drydock: true, verdicts: never},
		{at: []failpoint.Step{failpoint.SupervisorStarted}, drydock: true, verdicts: never}, // it has the lease, and is told no more
		{at: []failpoint.Step{failpoint.ConfigSent}, drydock: true, verdicts: failed},
		{at: []failpoint.Step{failpoint.ContainerCreated}, verdicts: unknown},
		{at: []failpoint.Step{failpoint.Executed}, verdicts: unknown},
	}
	for _, s := range []failpoint.Step{
		failpoint.EngineReached, failpoint.ContainerCreated, failpoint.Attached, failpoint.ContainerStarted,
		failpoint.Exited, failpoint.ContainerRemoved,
	} {
		all = append(all, death{at: []failpoint.Step{failpoint.ConfigSent, s}, drydock: true, verdicts: unknown})
	}
	return append(all, death{at: []failpoint.Step{failpoint.ConfigSent, failpoint.OutcomeWritten}, drydock: true, verdicts: failed})
}

// inImage is what such tasks run.
func inImage(image string) []string {
	return slices.Concat([]string{"--network", "none", "--image", image}, failing)
}

// The same with containers, of which none is left either.
func TestDockerKilledAtEveryStep(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		h.inside(t, busybox, nil, "true").want(t, 0, "succeeded") // makes what stays
		for i, d := range dockerDeaths() {
			t.Run(d.String(), func(t *testing.T) {
				nothingLeftOf(t, h.home)
				id, r := d.begin(t, h.home, []string{"DOCKER_HOST=" + h.engine.Socket}, inImage(busybox)...)
				if !d.drydock && !slices.Contains(d.verdicts, r.ended.Verdict) {
					t.Errorf("drydock says %q, want one of %q", r.ended.Verdict, d.verdicts)
				}
				switch after[i%len(after)] {
				case "ps":
					h.run(t, "ps")
				case "run":
					h.untilFree(t)
					h.inside(t, busybox, nil, "true").want(t, 0, "succeeded")
					h.noLeases(t)
				case "wait":
					if r := h.run(t, "wait", id, "--json"); !slices.Contains(d.verdicts, r.ended.Verdict) {
						t.Errorf("wait says %q, want one of %q\n%s", r.ended.Verdict, d.verdicts, r.stderr)
					}
				}
				d.settled(t, h.home, id, func() []listed { return listedIn(t, h.run(t, listAll...)) })
				within(t, hang/2, "its container is left", func() bool { return len(h.containers(t, id)) == 0 })
			})
		}
	})
}

// After a reboot the containers are there, stopped, and no lease says so.
func TestDockerReboot(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		d := death{at: []failpoint.Step{failpoint.ConfigSent, failpoint.Executed}, drydock: true, verdicts: []string{"unknown"}}
		id, _ := d.begin(t, h.home, []string{"DOCKER_HOST=" + h.engine.Socket},
			"--network", "none", "--image", busybox, "--", "sleep", "60")
		for _, container := range h.containers(t, id) {
			h.api(t, http.MethodPost, "/v1.40/containers/"+container+"/kill", nil)
		}
		h.untilFree(t)
		if err := os.RemoveAll(h.leases()); err != nil {
			t.Fatal(err)
		}
		if len(h.containers(t, id)) != 1 {
			t.Fatal("there is no container: this test shows nothing")
		}
		d.settled(t, h.home, id, func() []listed { return listedIn(t, h.run(t, listAll...)) })
		within(t, hang/2, "its container is left", func() bool { return len(h.containers(t, id)) == 0 })
	})
}
