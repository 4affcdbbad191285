// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/state"
	"drydock/internal/taskfile"
)

// Exit codes of drydock itself; a task's own code passes through. The table
// for people is in docs/reference.md.
const (
	exitOK       = 0
	exitProblems = 1 // doctor: something essential is missing
	exitFault    = 125
	exitPipe     = 128 + int(syscall.SIGPIPE)
)

// userError is a mistake that the person at the keyboard can mend: it prints
// as one sentence and what to do about it. Any other error is drydock's own
// failure and prints in full.
type userError struct {
	what   string // "the working directory no longer exists"
	remedy string // "cd to one that does, or name one with -w DIR"
	cause  error
}

func (e *userError) Error() string {
	if e.remedy == "" {
		return e.what
	}
	return e.what + "; " + e.remedy
}

func (e *userError) Unwrap() error { return e.cause }

// usagef is a userError from a wrong command line.
func usagef(remedy, format string, args ...any) error {
	return &userError{what: fmt.Sprintf(format, args...), remedy: remedy}
}

// codeError ends the program with a code when everything was already said.
type codeError struct{ code int }

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode is the one place where an error becomes an exit code.
func exitCode(err error) int {
	var code codeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return code.code
	case readerGone(err):
		return exitPipe
	default:
		return exitFault
	}
}

// readerGone reports whether the reader of the output went away (| head). That
// is nobody's fault, and nothing is to be said: others die of SIGPIPE then.
func readerGone(err error) bool {
	e, ok := errors.AsType[*os.PathError](err)
	return ok && e.Path == os.Stdout.Name() && errors.Is(err, syscall.EPIPE)
}

// refusal makes of a mistake that the executor cannot know what it takes for one.
func refusal(err error) error {
	if is[*userError](err) || is[*config.ValueError](err) || is[*config.FileError](err) || is[*taskfile.Error](err) ||
		is[*state.DirError](err) || is[*state.VersionError](err) {
		return &executor.RefusedError{Reason: err.Error(), Err: err}
	}
	return err
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
