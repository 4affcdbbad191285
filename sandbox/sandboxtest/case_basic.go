// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox"
)

var basicCases = []testCase{
	{name: "exit-codes", test: exitCodes},
	{name: "fault", test: fault},
	{name: "start-errors", test: startErrors},
	{name: "start-errors-format", test: startErrorsFormat},
	{name: "missing-workdir", test: missingWorkDir},
	{name: "concurrent", test: concurrent},
	{name: "enforcement", test: enforcement},
	{name: "C17", test: quietSuccess},
}

func exitCodes(t *testing.T, s *suite) {
	for _, code := range []int{0, 1, 42, 137, 255} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			e := s.do(t, s.spec(t, "exit", fmt.Sprint(code)))
			if s.OwnedParent && code == 137 && e.Exit != nil && e.Exit.Signal != "" {
				need.Gap(t, s.Name+": before Linux 6.15 an engine's code is all there is, and 137 is a SIGKILL's, too")
			}
			wantExit(t, e, code, "")
			s.wantQuiet(t, e)
		})
	}
}

// A fault ends PID 1 of a namespace too, unlike a signal that it sends itself.
func fault(t *testing.T, s *suite) {
	wantExit(t, s.do(t, s.spec(t, "segv")), 139, "SIGSEGV")
}

// startError is a program that cannot be started, and the reason.
type startError struct {
	name  string
	file  string // content of a file "program" in the working directory
	mode  os.FileMode
	arg   string
	want  sandbox.StartReason
	named string
}

// A program that never ran is a start error with its reason, in one sentence.
func startErrors(t *testing.T, s *suite) {
	s.wantStartErrors(t, []startError{
		{name: "no such command", arg: "no-such-program-anywhere", want: sandbox.StartNotFound, named: "no-such-program-anywhere"},
		{name: "no such path", arg: "./nope/nope", want: sandbox.StartNotFound, named: "nope"},
		{name: "no execute bit", file: "#!/bin/sh\n", mode: 0o644, arg: "./program", want: sandbox.StartNotExecutable, named: "program"},
		{name: "directory", arg: "/usr", want: sandbox.StartNotExecutable, named: "/usr"},
	})
}

// So is a file that the kernel does not know how to run.
func startErrorsFormat(t *testing.T, s *suite) {
	s.wantStartErrors(t, []startError{
		{name: "not a program", file: "just text\n", mode: 0o755, arg: "./program", want: sandbox.StartNotExecutable, named: "program"},
		{name: "empty", file: "\x00", mode: 0o755, arg: "./program", want: sandbox.StartNotExecutable, named: "program"},
	})
}

func (s *suite) wantStartErrors(t *testing.T, cases []startError) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			spec := s.spec(t)
			spec.Args = []string{tc.arg, "argument"}
			if tc.file != "" {
				if err := os.WriteFile(filepath.Join(spec.WorkDir, "program"), []byte(tc.file), tc.mode); err != nil {
					t.Fatal(err)
				}
			}
			e := s.do(t, spec)
			if e.StartError == nil || e.StartError.Reason != tc.want {
				t.Fatalf("want a start error %q, got %s", tc.want, show(e.Outcome))
			}
			wantSentence(t, e.StartError.Message)
			if !strings.Contains(e.StartError.Message, tc.named) {
				t.Errorf("the message does not name %q: %s", tc.named, e.StartError.Message)
			}
		})
	}
}

// wantSentence checks a text that a person reads.
func wantSentence(t testing.TB, text string) {
	t.Helper()
	for _, bad := range []string{"\n", "goroutine ", "panic", ".go:"} {
		if strings.Contains(text, bad) {
			t.Errorf("not one sentence for a person: %q", text)
		}
	}
	if strings.TrimSpace(text) == "" {
		t.Error("the message is empty")
	}
}

// A working directory that is not there is refused before anything starts.
func missingWorkDir(t *testing.T, s *suite) {
	spec := s.spec(t, "exit", "0")
	spec.WorkDir = filepath.Join(spec.WorkDir, "gone")
	a, err := s.tryStart(s.sandbox, spec, nil)
	if err == nil {
		a.end(t)
		t.Fatal("it was started")
	}
	if wrong, ok := errors.AsType[*sandbox.SpecError](err); !ok || !strings.Contains(wrong.Error(), spec.WorkDir) {
		t.Errorf("want a SpecError that names %s, got %v", spec.WorkDir, err)
	}
}

// Attempts run side by side and their ends are not mixed up.
func concurrent(t *testing.T, s *suite) {
	var all sync.WaitGroup
	for i := range *parallelFlag {
		spec := s.spec(t, "out", fmt.Sprint("number ", i), "sleep", "100", "exit", fmt.Sprint(i))
		all.Go(func() {
			a, err := s.tryStart(s.sandbox, spec, nil)
			if err != nil {
				t.Errorf("attempt %d: %v", i, err)
				return
			}
			out, err := a.Wait()
			if err != nil || out.Exit == nil || out.Exit.Code != i {
				t.Errorf("attempt %d: %v, %s", i, err, show(out))
			}
			if got, want := a.stdout.String(), fmt.Sprintf("number %d\n", i); got != want {
				t.Errorf("attempt %d said %q, want %q", i, got, want)
			}
		})
	}
	all.Wait()
}

// Nothing is silent: the outcome says how memory and the group kill are held.
func enforcement(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "exit", "0"))
	states := map[string]sandbox.Enforcement{}
	for _, l := range e.Limits {
		states[l.Limit] = l
		if l.State != sandbox.Enforced && l.Why == "" {
			t.Errorf("%s is %s, and nothing says why", l.Limit, l.State)
		}
	}
	if states["memory"].State != sandbox.Enforced {
		t.Errorf("memory is %+v, want it enforced", states["memory"])
	}
	want := map[sandbox.GroupKill]sandbox.EnforceState{
		sandbox.GroupEnforced: sandbox.Enforced, sandbox.GroupEmulated: sandbox.Emulated, sandbox.GroupNo: sandbox.NotEnforced,
	}[s.GroupKill]
	if got := states["group-kill"].State; got != want {
		t.Errorf("group-kill is %q, want %q", got, want)
	}
}

func quietSuccess(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "out", "hello"))
	wantExit(t, e, 0, "")
	s.wantQuiet(t, e)
	if e.stdout != "hello\n" {
		t.Errorf("stdout is %q", e.stdout)
	}
}
