// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"strings"
	"testing"
	"time"

	"drydock/sandbox"
)

var groupCases = []testCase{
	{name: "C3", test: groupBackground},
	{name: "C15", test: groupNotSilent},
	{name: "D1", test: groupOff},
	{name: "group-child", test: groupChild},
}

// A background child hogs while the main process sleeps: all of it ends.
func groupBackground(t *testing.T, s *suite) {
	spec := s.spec(t, "background", "300", "100", "sleep", sleepy)
	e := s.do(t, spec)
	wantExit(t, e, 137, "SIGKILL")
	s.wantOOM(t, e)
	s.wantGroup(t, e)
	if ran := e.EndedAt.Sub(e.StartedAt); ran > 30*time.Second { // not sleepy's minute
		t.Errorf("it ran for %v", ran)
	}
	if len(e.Victims) > 0 && e.Victims[0].Main && s.GroupKill == sandbox.GroupEmulated {
		t.Errorf("the victim is %+v, want the child", e.Victims[0])
	}
}

// A child is killed while its parent waits for it and would go on: the group
// kill is decisive, whatever the main process manages to do in the meantime.
func groupChild(t *testing.T, s *suite) {
	spec := s.spec(t, "child", "100", "sleep", sleepy)
	e := s.do(t, spec)
	wantExit(t, e, 137, "SIGKILL")
	s.wantOOM(t, e)
	s.wantGroup(t, e)
}

// What the kernel cannot do here is said, not passed over: a group kill that
// is asked for and only emulated is named in the outcome.
func groupNotSilent(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "exit", "0"))
	for _, l := range e.Limits {
		if l.Limit == "group-kill" {
			if s.GroupKill != sandbox.GroupEnforced && !strings.Contains(l.Why, "v1") && l.Why == "" {
				t.Errorf("nothing says why the group kill is %s", l.State)
			}
			return
		}
	}
	t.Errorf("the outcome does not say how the group kill is held: %+v", e.Limits)
}

// Without a group kill the main process survives and its exit is its own; the
// kill is counted all the same.
func groupOff(t *testing.T, s *suite) {
	spec := s.spec(t, "child", "100", "out", "survived")
	spec.Limits.GroupKill = false
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	s.wantOOM(t, e)
	if e.Counters.Group != sandbox.GroupNo || !e.GroupKilledAt.IsZero() {
		t.Errorf("there was a group kill: %s", show(e.Outcome))
	}
	if e.stdout != "child 137\nsurvived\n" {
		t.Errorf("stdout is %q", e.stdout)
	}
}
