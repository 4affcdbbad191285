// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"drydock/sandbox"
)

var streamCases = []testCase{
	{name: "output", test: output},
	{name: "bytes", test: bytesAsTheyAre},
	{name: "stdin", test: stdin},
	{name: "stdin-empty", test: emptyStdin},
	{name: "stdin-unread", test: unreadStdin},
	{name: "tail", test: tail},
	{name: "tty", test: terminal},
}

func output(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "out", "to stdout", "err", "to stderr"))
	if e.stdout != "to stdout\n" || e.stderr != "to stderr\n" {
		t.Errorf("stdout %q, stderr %q", e.stdout, e.stderr)
	}
}

// Arguments, and what the program says, are the bytes that they are.
func bytesAsTheyAre(t *testing.T, s *suite) {
	if e := s.do(t, s.spec(t, "out", "no text \xff\xfe")); e.stdout != "no text \xff\xfe\n" {
		t.Errorf("stdout %q", e.stdout)
	}
}

// A megabyte goes in and comes out unchanged.
func stdin(t *testing.T, s *suite) {
	text := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	spec := s.spec(t, "cat")
	e := s.start(t, spec, bytes.NewReader(text)).end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	if e.stdout != string(text) {
		t.Errorf("%d bytes went in, %d came out", len(text), len(e.stdout))
	}
}

// No reader is an empty stream, not a hang.
func emptyStdin(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "cat", "out", "done"))
	if e.stdout != "done\n" {
		t.Errorf("stdout is %q", e.stdout)
	}
}

// A reader that never ends does not keep an attempt that does not read: it
// would hang.
func unreadStdin(t *testing.T, s *suite) {
	spec := s.spec(t, "out", "done")
	block := make(chan struct{})
	defer close(block)
	e := s.start(t, spec, blocked(block)).end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
}

// blocked is a reader that waits until the channel is closed.
type blocked chan struct{}

func (b blocked) Read([]byte) (int, error) {
	<-b
	return 0, io.EOF
}

// The outcome keeps the last words, for a report.
func tail(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "out", "first words", "err", "last words", "exit", "3"))
	for _, words := range []string{"first words", "last words"} {
		if !strings.Contains(e.Tail, words) {
			t.Errorf("the tail lacks %q: %q", words, e.Tail)
		}
	}
}

// A terminal has the size that was asked for, and takes another.
func terminal(t *testing.T, s *suite) {
	words := []string{"terminal"}
	for range 600 { // tells its size until somebody ends it
		words = append(words, "sleep", "100", "terminal")
	}
	spec := s.spec(t, words...)
	spec.TTY, spec.Size = true, sandbox.TerminalSize{Rows: 33, Cols: 77}
	a := s.start(t, spec, nil)
	a.says(t, "111 33x77")
	if r, ok := a.Running.(sandbox.Resizer); ok {
		r.Resize(sandbox.TerminalSize{Rows: 40, Cols: 100})
		a.says(t, "111 40x100")
	}
	a.Stop(sandbox.StopAbort, 0)
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
}
