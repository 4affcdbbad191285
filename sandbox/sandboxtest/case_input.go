// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"drydock/sandbox"
)

var inputCases = []testCase{
	{name: "input", test: inputOfMany},
	{name: "input-none", test: inputOfNobody},
	{name: "input-unread", test: inputUnread},
	{name: "input-terminal", test: inputOfTerminal},
}

// inputter is a running attempt as somebody sees it who can type into it.
func inputter(t *testing.T, r sandbox.Running) sandbox.Inputter {
	t.Helper()
	in, ok := r.(sandbox.Inputter)
	if !ok {
		t.Skip("this sandbox takes input from the one who starts an attempt alone")
	}
	return in
}

// Those who follow give input beside the one who started the attempt, whose
// end of it is the program's, too.
func inputOfMany(t *testing.T, s *suite) {
	from, to := io.Pipe()
	spec := s.spec(t, "cat")
	a := s.start(t, spec, from)
	in := inputter(t, a.Running)
	a.pid(t)
	for _, text := range []string{"one\n", "two\n"} {
		if err := in.Input(t.Context(), strings.NewReader(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		a.says(t, text)
	}
	if _, err := io.WriteString(to, "three\n"); err != nil {
		t.Error(err)
	}
	a.says(t, "three\n")
	waiting := make(chan error, 1)
	quiet := make(chan struct{})
	defer close(quiet)
	go func() { waiting <- in.Input(context.Background(), blocked(quiet)) }()
	_ = to.Close()
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	if e.stdout != "one\ntwo\nthree\n" {
		t.Errorf("it read %q", e.stdout)
	}
	if err := <-waiting; !errors.Is(err, sandbox.ErrNoInput) {
		t.Errorf("the end of the program's input: %v", err)
	}
	if err := in.Input(t.Context(), strings.NewReader("late\n")); !errors.Is(err, sandbox.ErrNoInput) {
		t.Errorf("after its end: %v", err)
	}
}

// An attempt without input says so.
func inputOfNobody(t *testing.T, s *suite) {
	spec := s.spec(t, "sleep", "60000")
	a := s.start(t, spec, nil)
	in := inputter(t, a.Running)
	a.pid(t)
	if err := in.Input(t.Context(), strings.NewReader("x")); !errors.Is(err, sandbox.ErrNoInput) {
		t.Errorf("input of an attempt that has none: %v", err)
	}
	a.Stop(sandbox.StopAbort, 0)
	s.always(t, spec, a.end(t))
}

// A program that does not read holds up those who give it input, and nobody else.
func inputUnread(t *testing.T, s *suite) {
	from, to := io.Pipe()
	defer to.Close()
	spec := s.spec(t, "sleep", "60000")
	a := s.start(t, spec, from)
	in := inputter(t, a.Running)
	a.pid(t)
	given := make(chan error, 1)
	go func() { given <- in.Input(context.Background(), endless{}) }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := in.Input(ctx, endless{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second one: %v", err)
	}
	a.Stop(sandbox.StopAbort, 0)
	s.always(t, spec, a.end(t))
	if err := <-given; !errors.Is(err, sandbox.ErrNoInput) {
		t.Errorf("the end of the attempt: %v", err)
	}
}

// endless has always more.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A terminal takes input although the one who started the attempt has none
// left to give.
func inputOfTerminal(t *testing.T, s *suite) {
	spec := s.spec(t, "cat")
	spec.TTY, spec.Size = true, sandbox.TerminalSize{Rows: 24, Cols: 80}
	a := s.start(t, spec, strings.NewReader("first\n"))
	in := inputter(t, a.Running)
	a.pid(t)
	a.says(t, "first")
	if err := in.Input(t.Context(), strings.NewReader("second\n\x04")); err != nil {
		t.Error(err)
	}
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	if n := strings.Count(e.stdout, "second"); n != 2 {
		t.Errorf("typed and printed it is there %d times: %q", n, e.stdout)
	}
}
