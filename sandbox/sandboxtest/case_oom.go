// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"drydock/sandbox"
)

var oomCases = []testCase{
	{name: "C1", test: oomBlock},
	{name: "C5", test: oomRestricted},
	{name: "C10", test: oomParallel},
	{name: "C16", test: oomShell},
	{name: "C18", test: oomLater},
	{name: "C19", test: oomTail},
	{name: "D8", test: oomUnkillable},
	{name: "D11", test: oomFirstMillisecond},
}

// wantMainOOM checks the facts of an OOM whose victim was the main process.
func (s *suite) wantMainOOM(t *testing.T, e ended) {
	t.Helper()
	wantExit(t, e, 137, "SIGKILL")
	s.wantOOM(t, e)
	if len(e.Victims) > 0 && !e.Victims[0].Main {
		t.Errorf("the victim is %+v, want the main process", e.Victims[0])
	}
	if n := count(e.events, func(v sandbox.Event) bool { return v.OOM != nil }); n != 1 {
		t.Errorf("%d oom events, want one", n)
	}
}

// One block of 20 MiB against 15 MiB (Kubernetes' own case).
func oomBlock(t *testing.T, s *suite) {
	spec := s.spec(t, "touch", "20")
	spec.Limits.Memory = 15 * mib
	e := s.do(t, spec)
	s.wantMainOOM(t, e)
	s.wantGroup(t, e)
	if e.Memory.Limit != 15*mib || e.Memory.Peak > 15*mib+256*kib {
		t.Errorf("memory is %+v, want a limit of 15 MiB and no more", e.Memory)
	}
}

// A restricted context changes nothing about the end.
func oomRestricted(t *testing.T, s *suite) {
	restricted := func(words ...string) sandbox.Spec {
		spec := s.spec(t, words...)
		spec.User, spec.Caps = "999:999", sandbox.CapsRestricted
		return spec
	}
	spec := restricted("touch", "20")
	spec.Limits.Memory = 15 * mib
	s.wantMainOOM(t, s.do(t, spec))

	e := s.do(t, restricted("exit", "9"))
	wantExit(t, e, 9, "")
	s.wantQuiet(t, e)
}

// Many at once, again and again: not one may be missed.
func oomParallel(t *testing.T, s *suite) {
	for round := range *roundsFlag {
		var all sync.WaitGroup
		for i := range *parallelFlag {
			spec := s.spec(t, "touch", "20")
			spec.Limits.Memory = 15 * mib
			all.Go(func() {
				a, err := s.tryStart(s.sandbox, spec, nil)
				if err != nil {
					t.Errorf("round %d, attempt %d: %v", round, i, err)
					return
				}
				out, err := a.Wait()
				if err != nil || out.Exit == nil || out.Exit.Code != 137 || out.Counters == nil ||
					out.Counters.OOMKill < 1 || !ownLimit(out) {
					t.Errorf("round %d, attempt %d: %v, %s", round, i, err, show(out))
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
	}
}

func oomShell(t *testing.T, s *suite) {
	spec := s.spec(t)
	spec.Args = []string{"/bin/sh", "-c", "a=x; while :; do a=$a$a; done"}
	spec.Limits.Memory = 32 * mib
	s.wantMainOOM(t, s.do(t, spec))
}

// A hog that starts later is noticed, too, and without a look that comes once in
// a long while: half a minute leaves room for machines that are emulated.
func oomLater(t *testing.T, s *suite) {
	spec := s.spec(t, "sleep", "2000", "touch", "20")
	spec.Limits.Memory = 10 * mib
	e := s.do(t, spec)
	s.wantMainOOM(t, e)
	if ran := e.EndedAt.Sub(e.StartedAt); ran > 30*time.Second {
		t.Errorf("the end came %v after the start", ran)
	}
}

func oomTail(t *testing.T, s *suite) {
	spec := s.spec(t)
	spec.Args = []string{"tail", "/dev/zero"}
	spec.Limits.Memory = 32 * mib
	s.wantMainOOM(t, s.do(t, spec))
}

// A score of -1000 makes a process unkillable for the OOM killer; it must not
// come in from the launcher.
func oomUnkillable(t *testing.T, s *suite) {
	withScore(t, "-1000", func() {
		spec := s.spec(t, "touch", "20")
		spec.Limits.Memory = 15 * mib
		s.wantMainOOM(t, s.do(t, spec))
	})
}

func oomFirstMillisecond(t *testing.T, s *suite) {
	for i := range *repeatsFlag {
		spec := s.spec(t, "touch", "64")
		spec.Limits.Memory = 32 * mib
		e := s.do(t, spec)
		s.wantOOM(t, e)
		if e.Exit == nil || e.Exit.Code != 137 {
			t.Error(fmt.Sprint("repeat ", i, ": "), show(e.Outcome))
		}
		if t.Failed() {
			return
		}
	}
}
