// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"strings"

	"drydock/sandbox"
)

// startWords tells the failures of a start apart by what the engines and the
// runtimes below them say; the first entry of which every word occurs counts.
// The sources: Docker Engine 20.10 and 28.5 with runc 1.1 and 1.3
// (daemon/errors.go, libcontainer's init), crun 1.8, Podman 4.3.
//
// A runtime names the program in quotes after "exec:". Without that, "no such
// file" is about a mount or a working directory, not about the program.
var startWords = []struct {
	words  []string
	reason sandbox.StartReason
	code   int
}{
	{[]string{"minimum memory limit"}, sandbox.StartLimitTooLow, exitRefused},
	{[]string{"memory limit too low"}, sandbox.StartLimitTooLow, exitRefused},
	{[]string{"unable to set memory limit to"}, sandbox.StartLimitTooLow, exitRefused},
	{[]string{"container init was oom-killed"}, sandbox.StartLimitTooLow, exitRefused},
	{[]string{"memory.limit_in_bytes", "device or resource busy"}, sandbox.StartLimitTooLow, exitRefused},

	{[]string{"executable file", "not found in $path"}, sandbox.StartNotFound, exitNotFound},
	{[]string{"attempted to invoke a command that was not found"}, sandbox.StartNotFound, exitNotFound},
	{[]string{`exec: "`, "no such file or directory"}, sandbox.StartNotFound, exitNotFound},
	{[]string{"crun: open executable", "no such file or directory"}, sandbox.StartNotFound, exitNotFound},

	{[]string{`exec: "`, "permission denied"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{`exec: "`, "is a directory"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{`exec: "`, "exec format error"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{`exec: "`, "not a directory"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{`exec: "`, "too many levels of symbolic links"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{`exec: "`, "file name too long"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{"crun: open executable", "permission denied"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{"crun: exec", "exec format error"}, sandbox.StartNotExecutable, exitNotExecutable},
	{[]string{"no command specified"}, sandbox.StartNotFound, exitRefused},
	{[]string{"no command or entrypoint provided"}, sandbox.StartNotFound, exitRefused},
}

// The exit codes of docker run.
const (
	exitRefused       = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// startFailure classifies an error of Create by its words, and leaves what is
// none of the program's alone.
func startFailure(err error) error {
	e := (*Error)(nil)
	if !errors.As(err, &e) || !aboutContainer(e.Kind) {
		return err
	}
	if d := deviceFailure(e.Message); d != nil {
		return &StartError{Reason: sandbox.StartAccelerator, Code: exitRefused, Message: d.Message, Remedy: d.Remedy, Stale: d.Stale, err: e}
	}
	if reason, code, ok := startReason(e.Message); ok {
		return &StartError{Reason: reason, Code: code, Message: plain(e.Message), err: e}
	}
	return err
}

// refusedStart is startFailure for Start, where everything that the engine
// says of the container is a failed start.
func refusedStart(err error) error {
	err = startFailure(err)
	e := (*Error)(nil)
	if s := (*StartError)(nil); errors.As(err, &s) || !errors.As(err, &e) || !aboutContainer(e.Kind) {
		return err
	}
	if strings.Contains(strings.ToLower(e.Message), noContainer) {
		return err // somebody removed it
	}
	return &StartError{Reason: sandbox.StartRuntime, Code: exitRefused, Message: plain(e.Message), err: e}
}

// plain drops what engine and runtime wrap around the runtime's own words: who
// called whom, and the code that none of them gave.
func plain(message string) string {
	for _, wrapping := range []string{"OCI runtime create failed: ", "runc create failed: ", "unable to start container process: ",
		"starting container process caused: "} {
		if _, inner, ok := strings.Cut(message, wrapping); ok && inner != "" {
			message = inner
		}
	}
	return strings.TrimSuffix(strings.TrimSuffix(message, ": unknown"), ": OCI runtime attempted to invoke a command that was not found")
}

// aboutContainer says whether an error of the kind is the engine's opinion of
// what was asked, not trouble with the engine or the container's absence.
func aboutContainer(kind Kind) bool {
	return kind == Failed || kind == Invalid || kind == Conflict || kind == NotFound
}

func startReason(message string) (sandbox.StartReason, int, bool) {
	message = strings.ToLower(message)
	for _, entry := range startWords {
		if containsAll(message, entry.words) {
			return entry.reason, entry.code, true
		}
	}
	return "", 0, false
}

func containsAll(message string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(message, word) {
			return false
		}
	}
	return true
}
