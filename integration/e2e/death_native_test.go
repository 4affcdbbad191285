// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/internal/failpoint"
)

// failing is what the tasks run that somebody dies with.
var failing = []string{"--", "sh", "-c", "echo one; exit 3"}

// deaths are all steps of a task without an image, for each who may die there.
func deaths() []death {
	never, failed, unknown := []string{"error"}, []string{"failed"}, []string{"unknown"}
	var all []death
	add := func(verdicts []string, steps ...failpoint.Step) {
		for _, s := range steps {
			all = append(all, death{at: []failpoint.Step{s}, drydock: true, verdicts: verdicts})
		}
	}
	// The drydock that runs the task.
	add([]string{""}, failpoint.TaskDir, failpoint.Draft)
	add(never, failpoint.TaskRecorded, failpoint.Claimed, failpoint.AttemptDir, failpoint.DemandRecorded,
		failpoint.SpecRecorded, failpoint.LeaseDrafted, failpoint.LeaseTaken, failpoint.SupervisorStarted)
	add(failed, failpoint.ConfigSent, failpoint.StartTold, failpoint.OutcomeRead, failpoint.Judged, failpoint.VerdictRecorded,
		failpoint.ClaimReleased, failpoint.EndRecorded)
	all = append(all, death{at: []failpoint.Step{failpoint.RetryDecided}, drydock: true, verdicts: failed,
		flags: []string{"--retries", "2"}, hint: "not tried again: the drydock that ran the task is gone, with 2 of 2 retries left"})
	// The supervisor; then both.
	for _, s := range []struct {
		step  failpoint.Step
		alone []string
		both  []string
	}{
		{failpoint.ConfigRead, unknown, never},
		{failpoint.SocketBound, unknown, never},
		{failpoint.Listening, unknown, unknown},
		{failpoint.CgroupMade, unknown, unknown},
		{failpoint.RootfsMounted, unknown, unknown},
		{failpoint.ShmMounted, unknown, unknown},
		{failpoint.ContainerCreated, unknown, unknown},
		{failpoint.ContainerStarted, unknown, unknown},
		{failpoint.Executed, unknown, unknown},
		{failpoint.Exited, unknown, unknown},
		{failpoint.Settled, unknown, unknown},
		{failpoint.TornDown, unknown, unknown},
		// It had told drydock before it began to write.
		{failpoint.OutcomeDrafted, []string{"failed", "unknown"}, unknown},
		{failpoint.OutcomeWritten, failed, failed},
		{failpoint.ScratchRemoved, failed, failed},
		{failpoint.LeaseRemoved, failed, failed},
	} {
		all = append(all,
			death{at: []failpoint.Step{s.step}, verdicts: s.alone},
			death{at: []failpoint.Step{failpoint.ConfigSent, s.step}, drydock: true, verdicts: s.both})
	}
	// The process that judges what nobody waited for.
	for _, s := range []failpoint.Step{failpoint.JudgeBegun, failpoint.VerdictRecorded, failpoint.EndRecorded} {
		all = append(all, death{at: []failpoint.Step{failpoint.ConfigSent, s}, drydock: true, verdicts: failed})
	}
	return all
}

// after are the commands that come next. None of them is about recovery.
var after = []string{"ps", "run", "wait"}

var everyCommand = flag.Bool("e2e.every-command", false, "after a kill at each step try each command that may come next, not one of them")

// next runs one, and checks what it alone has to have done.
func (d death) next(t *testing.T, h home, command, id string) {
	t.Helper()
	switch command {
	case "ps":
		if r := h.run(t, "ps"); r.exit != 0 {
			t.Errorf("ps: exit %d\n%s", r.exit, r.stderr)
		}
	case "run":
		h.untilFree(t) // it frees what is dead when it starts
		h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
		h.noLeases(t)
	case "wait":
		if d.verdicts[0] == "" {
			return // there is no such task
		}
		if r := h.run(t, "wait", id, "--json"); !slices.Contains(d.verdicts, r.ended.Verdict) {
			t.Errorf("wait says %q, want one of %q\n%s", r.ended.Verdict, d.verdicts, r.stderr)
		}
	}
}

// Whoever is killed wherever: the next command finds out what there is to find
// out, says nothing that is not true, and leaves nothing behind.
func TestKilledAtEveryStep(t *testing.T) {
	h := newHome(t)
	h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded") // makes what stays
	for i, d := range deaths() {
		commands := after[i%len(after):][:1]
		if *everyCommand {
			commands = after
		}
		for _, command := range commands {
			t.Run(d.String()+"/"+command, func(t *testing.T) {
				nothingLeftOf(t, h)
				id, r := d.begin(t, h, nil, failing...)
				if id == "" {
					t.Fatal("there is no task's directory: this test shows nothing")
				}
				if !d.drydock && !slices.Contains(d.verdicts, r.ended.Verdict) {
					t.Errorf("drydock says %q, want one of %q", r.ended.Verdict, d.verdicts)
				}
				if d.verdicts[0] == "" {
					age(t, filepath.Join(h.state(), "tasks", id))
				}
				d.next(t, h, command, id)
				d.settled(t, h, id, func() []listed { return h.ps(t) })
			})
		}
	}
}

// Who takes up a task may be killed as well, and who removes one.
func TestRecoveryKilled(t *testing.T) {
	h := newHome(t)
	h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
	left := death{at: []failpoint.Step{failpoint.ConfigSent, failpoint.Executed}, drydock: true, verdicts: []string{"unknown"}}
	for _, step := range []failpoint.Step{failpoint.OutcomeRead, failpoint.Judged, failpoint.VerdictRecorded, failpoint.EndRecorded} {
		for _, command := range []string{"ps", "wait last"} {
			t.Run(string(step)+"/"+command, func(t *testing.T) {
				nothingLeftOf(t, h)
				id, _ := left.begin(t, h, nil, failing...)
				h.untilFree(t) // else it is not taken up yet
				death{at: []failpoint.Step{step}}.die(t, h, strings.Fields(command)...)
				left.settled(t, h, id, func() []listed { return h.ps(t) })
			})
		}
	}
	t.Run("prune", func(t *testing.T) {
		nothingLeftOf(t, h)
		death{at: []failpoint.Step{failpoint.PruneBegun}}.die(t, h, "prune", "--all")
		h.run(t, "prune", "--all").want(t, 0, "")
		entries, err := os.ReadDir(filepath.Join(h.state(), "tasks"))
		if err != nil || len(entries) > 0 {
			t.Errorf("left: %v, %v", entries, err)
		}
	})
}

// What is installed knows no failpoints.
func TestNoFailpoints(t *testing.T) {
	for _, name := range []string{"drydock", "drydock-shim"} {
		content, err := os.ReadFile(filepath.Join(programs(t), name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(failpoint.Variable)) {
			t.Errorf("%s looks at %s", name, failpoint.Variable)
		}
	}
}
