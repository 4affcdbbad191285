// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/sandbox"
)

// attempt is one attempt under way or ended, with all that was seen of it.
type attempt struct {
	sandbox.Running
	spec           sandbox.Spec
	stdout, stderr *buffer
	started        chan int // gets the host PID, once
	events         chan []sandbox.Event
}

// ended is what came of an attempt.
type ended struct {
	sandbox.Outcome
	err            error
	events         []sandbox.Event
	stdout, stderr string
}

// start begins an attempt; a failure to start fails the test.
func (s *suite) start(t testing.TB, spec sandbox.Spec, stdin io.Reader) *attempt {
	t.Helper()
	a, err := s.tryStart(s.sandbox, spec, stdin)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return a
}

func (s *suite) tryStart(sb sandbox.Sandbox, spec sandbox.Spec, stdin io.Reader) (*attempt, error) {
	a := &attempt{
		spec: spec, stdout: &buffer{}, stderr: &buffer{},
		started: make(chan int, 1), events: make(chan []sandbox.Event, 1),
	}
	if s.Adapt != nil {
		spec = s.Adapt(spec)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel() // bounds the start only, as the contract has it
	running, err := sb.Start(ctx, spec, sandbox.Streams{Stdin: stdin, Stdout: a.stdout, Stderr: a.stderr})
	if err != nil {
		return nil, err
	}
	a.Running = running
	go a.drain()
	return a, nil
}

func (a *attempt) drain() {
	var all []sandbox.Event
	for e := range a.Events() {
		all = append(all, e)
		if e.Started != nil {
			select {
			case a.started <- e.Started.PID:
			default:
			}
		}
	}
	close(a.started)
	a.events <- all
}

// pid waits for the program to run and returns its PID on the host.
func (a *attempt) pid(t testing.TB) int {
	t.Helper()
	select {
	case pid, ok := <-a.started:
		if !ok {
			t.Fatal("the attempt ended without a started event")
		}
		return pid
	case <-time.After(hang):
		a.Stop(sandbox.StopAbort, 0)
		t.Fatal("no started event")
	}
	return 0
}

// says waits until the program's output holds text.
func (a *attempt) says(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(hang / 2); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if contains(a.stdout.String(), text) {
			return
		}
	}
	a.Stop(sandbox.StopAbort, 0)
	t.Fatalf("the program never said %q; it said %q", text, a.stdout.String())
}

// end waits for the attempt, and fails the test when it hangs.
func (a *attempt) end(t testing.TB) ended {
	t.Helper()
	type waited struct {
		out sandbox.Outcome
		err error
	}
	done := make(chan waited, 1)
	go func() {
		out, err := a.Wait()
		done <- waited{out, err}
	}()
	select {
	case w := <-done:
		return ended{
			Outcome: w.out, err: w.err, events: a.allEvents(t),
			stdout: a.stdout.String(), stderr: a.stderr.String(),
		}
	case <-time.After(hang):
		a.Stop(sandbox.StopAbort, 0)
		t.Fatalf("hung: Wait did not return within %v", hang)
		return ended{}
	}
}

func (a *attempt) allEvents(t testing.TB) []sandbox.Event {
	t.Helper()
	select {
	case all := <-a.events:
		return all
	case <-time.After(hang):
		t.Error("the events were not closed when the attempt had ended")
		return nil
	}
}

// do runs an attempt from start to end and checks what always holds.
func (s *suite) do(t testing.TB, spec sandbox.Spec) ended {
	t.Helper()
	e := s.start(t, spec, nil).end(t)
	s.always(t, spec, e)
	return e
}

// always checks what holds for every attempt whose supervisor lived.
func (s *suite) always(t testing.TB, spec sandbox.Spec, e ended) {
	t.Helper()
	if e.err != nil {
		t.Fatalf("Wait: %v (outcome %s)", e.err, show(e.Outcome))
	}
	if e.Version != sandbox.OutcomeVersion || e.Sandbox != s.Name {
		t.Errorf("version %d of sandbox %q, want %d of %q", e.Version, e.Sandbox, sandbox.OutcomeVersion, s.Name)
	}
	if (e.StartError == nil) != (e.Exit != nil) {
		t.Errorf("want either an exit or a start error, got %s", show(e.Outcome))
	}
	if n := count(e.events, func(v sandbox.Event) bool { return v.Started != nil }); (n == 1) != (e.StartError == nil) || n > 1 {
		t.Errorf("%d started events with start error %v", n, e.StartError)
	}
	if e.Exit != nil && e.Counters == nil {
		t.Error("the counters were gone")
	}
	if e.Exit != nil && (e.StartedAt.IsZero() || e.EndedAt.Before(e.StartedAt)) {
		t.Errorf("started at %v, ended at %v", e.StartedAt, e.EndedAt)
	}
	if s.Durable {
		if _, err := os.Stat(filepath.Join(spec.Dir, "outcome.json")); err != nil {
			t.Errorf("no outcome document: %v", err)
		}
	}
}
