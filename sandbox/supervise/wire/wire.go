// SPDX-License-Identifier: Apache-2.0

// Package wire is the language between drydock and an attempt's supervisor,
// whatever the sandbox: descriptors, files, and lines of JSON on a socket.
// What one sandbox alone has to say to its supervisor is a contract of its
// own (package shimapi for the native one).
//
// drydock starts a supervisor with these descriptors:
//
//	3  a stream socket: drydock sends a configuration, then Command lines;
//	   the supervisor answers with Report lines. Its end says that the other
//	   is gone.
//	4  the program's stdin (read end)
//	5  the program's stdout, live (write end)
//	6  the program's stderr, live (write end)
//	7  the lease: a locked file that the supervisor keeps open while it lives
//
// One that is started ahead, before its attempt is known, has /dev/null in the
// places of 4 to 7. They come by the socket (SCM_RIGHTS), behind the
// supervisor's own log for its stderr, with HandedWith before the configuration.
//
// Another process reaches the supervisor later through ControlFile in the
// attempt's directory, a stream socket of the same language: it is told at
// once how the attempt stands (its input, a started event, an OOM, stops, each
// if there was one), then every Report from then on, and may send Command lines. Any
// number may do so at a time. The path of a socket is short and that of a
// state directory may not be: both sides go by /proc/self/fd/DIRFD/control.sock.
//
// The supervisor ends when nothing of the attempt is left. Its outcome
// document lies in the attempt's directory before that.
package wire

import (
	"time"

	"drydock/sandbox"
)

// Descriptors that a supervisor is started with.
const (
	ControlFD = 3 + iota
	StdinFD
	StdoutFD
	StderrFD
	LeaseFD
)

// Handed are the places of the files that a supervisor started ahead is given,
// in the order in which they come.
var Handed = [...]int{2, StdinFD, StdoutFD, StderrFD, LeaseFD}

// HandedWith is what the files come with. No reader of JSON minds it.
const HandedWith = "\n"

// Files in the attempt's directory.
const (
	SpecFile    = "spec.json"    // the Spec without environment values; written by drydock
	OutcomeFile = "outcome.json" // a sandbox.Outcome; temp file and rename
	LogFile     = "log"          // both streams in the CRI log format
	SamplesFile = "samples"      // a sandbox.Sample a line
	OwnLogFile  = "shim.log"     // what the supervisor itself had to say
	// ControlFile is the supervisor's socket. It is there, and listens, before
	// anything of the attempt is set up, and goes once the outcome is
	// written: a directory with neither was never begun. A killed supervisor
	// leaves it behind.
	ControlFile = "control.sock"
)

// WorkDir, in the attempt's directory, is the task's own (state.ScratchDir).
// It does not outlive the attempt.
const WorkDir = "work"

// BaseLock is the file in the lease directory whose lock keeps the common
// cgroup in place.
const BaseLock = ".base"

// FailedExit is a supervisor's exit code when it could not do its work.
const FailedExit = 125

// Config is the first line on the control socket: what every supervisor has
// to know.
type Config struct {
	ID    string `json:"id"`    // names the attempt among all of this machine
	Dir   string `json:"dir"`   // the attempt's directory
	Lease string `json:"lease"` // the lease file, removed at the end

	Cgroup     string `json:"cgroup"`      // the owned group's name
	CgroupBase string `json:"cgroup_base"` // under which it lies
	// CgroupOwned is the delegated group that CgroupBase is in; "": root has
	// all of them.
	CgroupOwned string `json:"cgroup_owned,omitempty"`

	Spec sandbox.Spec `json:"spec"` // limits, timeout, grace; Env stays empty
	// Enforcement is copied into the outcome.
	Enforcement []sandbox.Enforcement `json:"enforcement,omitempty"`
}

// Command is a line to the supervisor.
type Command struct {
	Stop   *Stop                 `json:"stop,omitempty"`
	Resize *sandbox.TerminalSize `json:"resize,omitempty"`
	// Input is for the program's standard input. While the program does not
	// read, the supervisor takes nothing more from who sent it: another
	// connection gets a Stop through.
	Input []byte `json:"input,omitempty"`
}

// Stop asks for the attempt's end.
type Stop struct {
	Reason sandbox.StopReason `json:"reason"`
	Grace  time.Duration      `json:"grace"` // 0: kill at once
}

// InputState is how the program's standard input stands.
type InputState struct {
	Open bool   `json:"open"`
	Why  string `json:"why,omitempty"` // not open: "it has ended"
}

// Report is a line from the supervisor; one field is set.
type Report struct {
	Event *sandbox.Event `json:"event,omitempty"`
	// Input says whether the program takes input. It comes before the started
	// event, and again when that ends.
	Input *InputState `json:"input,omitempty"`
	// Outcome is the outcome document once more, as the last report: the disk
	// that its file should lie on may be full.
	Outcome *sandbox.Outcome `json:"outcome,omitempty"`
	// Fatal says that the supervisor could not even begin; nothing was started.
	Fatal string `json:"fatal,omitempty"`
}
