// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"testing"
	"time"

	"drydock/internal/leftover"
	"drydock/internal/need"
	"drydock/sandbox"
)

var lifeCases = []testCase{
	{name: "stray", test: stray},
	{name: "nothing-left", test: nothingLeft, kernel: true},
	{name: "D12", test: supervisorKilled, kernel: true},
}

// The end of the main process is the end: a stray child in a session of its
// own, which holds the output open and ignores SIGTERM, goes with it; else the
// attempt would hang.
func stray(t *testing.T, s *suite) {
	spec := s.spec(t, "stray", "out", "main done")
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	if e.stdout != "main done\n" {
		t.Errorf("stdout is %q", e.stdout)
	}
	// Where the main process is PID 1 of a namespace the kernel ends the rest
	// with it, and nobody can count them any more.
	t.Logf("leftovers counted: %d", e.Leftovers)
}

// When Wait returns, everything of the attempt is gone.
func nothingLeft(t *testing.T, s *suite) {
	if err := leftover.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		words []string
	}{
		{"success", []string{"exit", "0"}},
		{"stray", []string{"stray", "exit", "0"}},
		{"oom", []string{"touch", "100"}},
		{"fork bomb", []string{"forks", "1000", "exit", "3"}},
		{"never started", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := leftover.Take()
			spec := s.spec(t, tc.words...)
			if tc.words == nil {
				spec.Args = []string{"no-such-program-anywhere"}
			}
			s.do(t, spec)
			s.wantNothing(t, before, time.Second)
		})
	}
}

// A supervisor that is killed leaves no success behind: either the facts are
// lost and Wait says so, or they do not tell of a clean exit. Nothing of the
// attempt survives the next one.
func supervisorKilled(t *testing.T, s *suite) {
	if !s.Durable {
		need.Gap(t, s.Name+": the supervisor is not a process of its own")
	}
	if err := leftover.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	before := leftover.Take()
	a := s.start(t, s.spec(t, "ignore", "sleep", sleepy), nil)
	a.says(t, "ready")
	a.pid(t)
	killSupervisor(t, a.spec.Dir)
	e := a.end(t)
	if e.err == nil && e.Exit != nil && e.Exit.Code == 0 {
		t.Errorf("the supervisor was killed, and yet it is a success: %s", show(e.Outcome))
	}
	if e.err == nil && e.Counters == nil && len(e.Stops) == 0 && e.Exit == nil {
		t.Errorf("no facts, and no error says so: %s", show(e.Outcome))
	}
	if e.err != nil && !isNoOutcome(e.err) {
		t.Errorf("want %v, got %v", sandbox.ErrNoOutcome, e.err)
	}
	s.do(t, s.spec(t, "exit", "0")) // clears away what the last one left
	s.wantNothing(t, before, 2*time.Second)
}

// wantNothing checks that after a while nothing is there that was not before.
func (s *suite) wantNothing(t testing.TB, before leftover.Snapshot, patience time.Duration) {
	t.Helper()
	for _, item := range before.Since(patience) {
		if s.Foreign == nil || !s.Foreign(item) {
			t.Error(item)
		}
	}
}
