// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

func TestParseStage(t *testing.T) {
	for report, want := range map[string]error{
		"!":                       nil,
		"":                        errInitKilled,
		"!2 exec ./a b: No such":  &execError{unix.ENOENT, "exec ./a b: No such"},
		"71 exec words: Protocol": &execError{unix.EPROTO, "exec words: Protocol"},
	} {
		got := parseStage(report)
		if wantExec, ok := want.(*execError); ok {
			var gotExec *execError
			if !errors.As(got, &gotExec) || *gotExec != *wantExec {
				t.Errorf("%q is %v, want %v", report, got, want)
			}
		} else if got != want {
			t.Errorf("%q is %v, want %v", report, got, want)
		}
	}
	if err := parseStage("runtime words"); err == nil || err.Error() != "runtime words" {
		t.Errorf("the runtime's words became %v", err)
	}
}

func TestClassifyStart(t *testing.T) {
	tests := []struct {
		err  error
		want sandbox.StartReason
	}{
		{&execError{unix.ENOENT, `exec: "nosuch": executable file not found in $PATH`}, sandbox.StartNotFound},
		{&execError{unix.EACCES, "exec ./plain.sh: Permission denied"}, sandbox.StartNotExecutable},
		{&execError{unix.ENOEXEC, "exec ./script: Exec format error"}, sandbox.StartNotExecutable},
		{&execError{unix.E2BIG, "exec /bin/true: Argument list too long"}, sandbox.StartNotExecutable},
		{&execError{unix.EACCES, "exec ./unable to set memory limit: Permission denied"}, sandbox.StartNotExecutable},
		{errors.New("container init was OOM-killed (memory limit too low?)"), sandbox.StartLimitTooLow},
		{errors.New("unable to set memory limit to 1048576 (current usage: 3162112, peak usage: 3342336)"), sandbox.StartLimitTooLow},
		{errors.New(`error mounting "proc" to rootfs at "/proc": no such file or directory`), sandbox.StartRuntime},
		{errInitKilled, sandbox.StartRuntime},
	}
	for _, tt := range tests {
		if got := classifyStart(tt.err); got != tt.want {
			t.Errorf("%v\n is %s, want %s", tt.err, got, tt.want)
		}
	}
}

func TestEscapeOverlay(t *testing.T) {
	if got := escapeOverlay(`/a:b,c\d`); got != `/a\:b\,c\\d` {
		t.Errorf("got %s", got)
	}
}
