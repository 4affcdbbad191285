// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"testing"
	"time"

	"drydock/sandbox"
)

var stopCases = []testCase{
	{name: "timeout", test: timeoutIgnored},
	{name: "timeout-init", test: timeoutInit},
	{name: "timeout-deaf", test: timeoutDeaf},
	{name: "timeout-tidies", test: timeoutTidies},
	{name: "timeout-not-reached", test: timeoutNotReached},
	{name: "stop", test: stopWithGrace},
	{name: "stop-at-once", test: stopAtOnce},
	{name: "stop-shortened", test: stopShortened},
	{name: "stop-early", test: stopEarly},
	{name: "stop-late", test: stopLate},
}

const sleepy = "60000"

// untilReady is a limit of time that comes after hog's first word, on an
// emulated processor that others are waiting for, too.
const untilReady = 2 * time.Second

// A program that ignores SIGTERM gets SIGKILL after the grace.
func timeoutIgnored(t *testing.T, s *suite) {
	spec := s.spec(t, "ignore", "sleep", sleepy)
	spec.Timeout = untilReady
	e := s.do(t, spec)
	wantExit(t, e, 137, "SIGKILL")
	wantStops(t, e, sandbox.StopTimeout, "SIGTERM", "SIGKILL")
	s.wantQuiet(t, e)
	if e.stdout != "ready\n" {
		t.Errorf("stdout is %q", e.stdout)
	}
	if ran := e.EndedAt.Sub(e.StartedAt); ran < spec.Timeout || ran > 30*time.Second { // not sleepy's minute
		t.Errorf("it ran %v with a timeout of %v and a grace of %v", ran, spec.Timeout, spec.Grace)
	}
}

// PID 1 without a handler does not hear SIGTERM, as on a cluster.
func timeoutInit(t *testing.T, s *suite) {
	spec := s.spec(t, "sleep", sleepy)
	spec.Timeout = 200 * time.Millisecond
	e := s.do(t, spec)
	wantExit(t, e, 137, "SIGKILL")
	wantStops(t, e, sandbox.StopTimeout, "SIGTERM", "SIGKILL")
}

// With KillDeaf nobody waits for a program that does not hear SIGTERM, and a
// program that does hear it still has its grace.
func timeoutDeaf(t *testing.T, s *suite) {
	spec := s.spec(t, "sleep", sleepy)
	spec.Timeout, spec.Grace, spec.KillDeaf = 200*time.Millisecond, time.Minute, true
	e := s.do(t, spec)
	wantExit(t, e, 137, "SIGKILL")
	wantStops(t, e, sandbox.StopTimeout, "SIGTERM", "SIGKILL")
	if ran := e.EndedAt.Sub(e.StartedAt); ran > 30*time.Second {
		t.Errorf("it was given %v to do nothing in", ran)
	}
	spec = s.spec(t, "tidy", "sleep", sleepy)
	spec.Timeout, spec.Grace, spec.KillDeaf = untilReady, 30*time.Second, true
	e = s.do(t, spec)
	wantExit(t, e, 0, "")
	wantStops(t, e, sandbox.StopTimeout, "SIGTERM")
}

// A program that tidies up and exits 0 at the timeout was still stopped.
func timeoutTidies(t *testing.T, s *suite) {
	spec := s.spec(t, "tidy", "sleep", sleepy)
	spec.Timeout, spec.Grace = untilReady, 30*time.Second
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	wantStops(t, e, sandbox.StopTimeout, "SIGTERM")
	if e.stdout != "ready\ntidied up\n" {
		t.Errorf("stdout is %q", e.stdout)
	}
	if ran := e.EndedAt.Sub(e.StartedAt); ran >= spec.Timeout+spec.Grace {
		t.Errorf("it ran %v: the grace was waited out", ran)
	}
}

func timeoutNotReached(t *testing.T, s *suite) {
	spec := s.spec(t, "out", "quick")
	spec.Timeout = time.Hour
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	wantStops(t, e, sandbox.StopTimeout)
}

func stopWithGrace(t *testing.T, s *suite) {
	spec := s.spec(t, "tidy", "sleep", sleepy)
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	a.Stop(sandbox.StopAbort, 20*time.Second)
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	wantStops(t, e, sandbox.StopAbort, "SIGTERM")
	if n := count(e.events, func(v sandbox.Event) bool { return v.Stopping != nil }); n < 1 {
		t.Error("no stopping event")
	}
}

func stopAtOnce(t *testing.T, s *suite) {
	spec := s.spec(t, "tidy", "sleep", sleepy)
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	a.Stop(sandbox.StopAbort, 0)
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
	wantStops(t, e, sandbox.StopAbort, "SIGKILL")
}

// A second, hurried stop shortens the grace of the first.
func stopShortened(t *testing.T, s *suite) {
	spec := s.spec(t, "ignore", "sleep", sleepy)
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	a.Stop(sandbox.StopAbort, time.Hour)
	time.Sleep(100 * time.Millisecond)
	a.Stop(sandbox.StopAbort, 0)
	e := a.end(t) // well before the first grace's end
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
	wantStops(t, e, sandbox.StopAbort, "SIGTERM", "SIGKILL")
}

// A stop right after the start, when the program may still be on its way, is
// not lost.
func stopEarly(t *testing.T, s *suite) {
	for range 5 {
		a := s.start(t, s.spec(t, "ignore", "sleep", sleepy), nil)
		a.Stop(sandbox.StopAbort, 0)
		e := a.end(t)
		if e.err != nil {
			t.Fatalf("Wait: %v", e.err)
		}
		if e.Exit == nil && e.StartError == nil || len(e.Stops) == 0 || e.Exit != nil && e.Exit.Code == 0 {
			t.Errorf("want a stop and no success, got %s", show(e.Outcome))
		}
	}
}

// Stopping what has ended does nothing.
func stopLate(t *testing.T, s *suite) {
	spec := s.spec(t, "exit", "7")
	a := s.start(t, spec, nil)
	first := a.end(t)
	a.Stop(sandbox.StopAbort, 0)
	again, err := a.Wait()
	if err != nil || again.Exit == nil || again.Exit.Code != 7 || len(again.Stops) != len(first.Stops) {
		t.Errorf("a late stop changed the outcome: %v, %s", err, show(again))
	}
}
