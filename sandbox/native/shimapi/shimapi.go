// SPDX-License-Identifier: Apache-2.0

// Package shimapi is the contract between drydock and drydock-shim: what the
// one sends and the other answers. Both are installed together, so the
// version is checked, never negotiated.
//
// drydock starts the shim in a mount namespace of its own with these
// descriptors:
//
//	3  a stream socket: drydock sends a Config line, then Command lines;
//	   the shim answers with Report lines. Its end says that the other is gone.
//	4  the program's stdin (read end)
//	5  the program's stdout, live (write end)
//	6  the program's stderr, live (write end)
//	7  the lease: a locked file that the shim keeps open while it lives
//
// Another process reaches the shim later through ControlFile in the attempt's
// directory, a stream socket of the same language: it is told at once how the
// attempt stands (a started event, an OOM, stops, each if there was one), then
// every Report from then on, and may send Command lines. Any number may do so
// at a time. The path of a socket is short and that of a state directory may
// not be: both sides go by /proc/self/fd/DIRFD/control.sock.
//
// The shim ends when nothing of the attempt is left. Its outcome document
// lies in the attempt's directory before that.
package shimapi

import (
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
)

// Version of this contract.
const Version = 3

// UserNamespace, set in the environment of a shim that an ordinary user
// starts, has it make a user namespace before anything else. It says so by one
// byte on the control socket and waits for another, GoOn, which is sent when
// its ids are mapped; then it makes its own mount namespace.
const (
	UserNamespace      = "DRYDOCK_USERNS"
	GoOn          byte = 'g'
)

// RemoveArg, followed by paths, has the shim remove them and end; ProbeArg,
// followed by a directory, has it mount something there and end.
const (
	RemoveArg = "remove"
	ProbeArg  = "probe"
)

// Descriptors that the shim is started with.
const (
	ControlFD = 3 + iota
	StdinFD
	StdoutFD
	StderrFD
	LeaseFD
)

// Files in the attempt's directory.
const (
	SpecFile    = "spec.json"    // the Spec without environment values; written by drydock
	OutcomeFile = "outcome.json" // a sandbox.Outcome; temp file and rename
	LogFile     = "log"          // both streams in the CRI log format
	SamplesFile = "samples"      // a sandbox.Sample a line
	ShimLogFile = "shim.log"     // what the shim itself had to say
	// ControlFile is the shim's socket. It is there, and listens, before
	// anything of the attempt is set up, and goes once the outcome is
	// written: a directory with neither was never begun. A killed shim leaves
	// it behind.
	ControlFile = "control.sock"
)

// BaseLock is the file in the lease directory whose lock keeps the common
// cgroup in place.
const BaseLock = ".base"

// Scratch are the entries of the attempt's directory that do not outlive it:
// the private layers, mount points, the runtime's own record and the task's
// own directory (state.ScratchDir).
var Scratch = []string{"layers", "rootfs", "shm", "runtime", "work"}

// Config is the first line on the control socket.
type Config struct {
	Version int        `json:"version"`
	OCI     specs.Spec `json:"oci"` // a runtime-spec config.json
	Drydock Section    `json:"drydock"`
}

// Section is what an OCI configuration cannot say.
type Section struct {
	ID         string `json:"id"`          // of the container
	Dir        string `json:"dir"`         // the attempt's directory
	Cgroup     string `json:"cgroup"`      // the owned group's name
	CgroupBase string `json:"cgroup_base"` // under which it lies
	// CgroupOwned is the delegated group that CgroupBase is in; "": root has
	// all of them.
	CgroupOwned string `json:"cgroup_owned,omitempty"`
	Lease       string `json:"lease"` // the lease file, removed at the end

	Rootfs Rootfs `json:"rootfs"`
	// ShmDir is where the attempt's /dev/shm is mounted on the shim's side,
	// so that it can be measured after the end.
	ShmDir string `json:"shm_dir"`

	// CacheDir keeps compiled seccomp filters; "": they are not kept.
	CacheDir string `json:"cache_dir,omitempty"`

	// Raw holds the program's words when they are not all UTF-8 text, which
	// is all that the OCI part can carry.
	Raw *RawProcess `json:"raw,omitempty"`

	Spec sandbox.Spec `json:"spec"` // limits, timeout, grace; Env stays empty
	// Enforcement is copied into the outcome.
	Enforcement []sandbox.Enforcement `json:"enforcement,omitempty"`
}

// Rootfs says how the root file system comes to be.
type Rootfs struct {
	Lower string `json:"lower"` // "/" for the host's own
	Upper string `json:"upper"` // the private writable layer
	Work  string `json:"work"`
	// ReadOnly leaves the layer out: Lower itself is bound read-only, because
	// no overlay can be had above the attempt's directory.
	ReadOnly bool `json:"read_only,omitempty"`
	// Bare leaves Lower out: Upper itself is the root file system, and what is
	// to be seen in it is mounted. An overlay of a directory with mounts below
	// it cannot be had in a user namespace.
	Bare bool `json:"bare,omitempty"`
	// Dirs and Links are made in the layer of a Bare root file system.
	Dirs  []Dir  `json:"dirs,omitempty"`
	Links []Link `json:"links,omitempty"`
	// UserNamespace says that the shim is in one: layers and bind mounts are
	// then made in its way.
	UserNamespace bool `json:"user_namespace,omitempty"`
	// Empty lists directories that appear empty in the layer.
	Empty []string `json:"empty,omitempty"`
	// Open lists directories, each below one of Empty, that are made in the
	// layer for everybody to write in.
	Open []string `json:"open,omitempty"`
	// Layers are the writable layers of file systems mounted below Lower.
	Layers []Layer `json:"layers,omitempty"`
}

// Dir is a directory and its permission bits.
type Dir struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"`
}

// Link is a symbolic link.
type Link struct {
	Path   string `json:"path"`
	Target string `json:"target"`
}

// RawProcess is a program's arguments and environment as bytes.
type RawProcess struct {
	Args [][]byte `json:"args"`
	Env  [][]byte `json:"env"`
}

// Layer is a directory pair of an overlay that the runtime mounts.
type Layer struct {
	Upper string `json:"upper"`
	Work  string `json:"work"`
	// Mode is the upper directory's; 0: 755.
	Mode uint32 `json:"mode,omitempty"`
}

// Command is a line to the shim.
type Command struct {
	Stop   *Stop                 `json:"stop,omitempty"`
	Resize *sandbox.TerminalSize `json:"resize,omitempty"`
}

// Stop asks for the attempt's end.
type Stop struct {
	Reason sandbox.StopReason `json:"reason"`
	Grace  time.Duration      `json:"grace"` // 0: kill at once
}

// Report is a line from the shim; one field is set.
type Report struct {
	Event *sandbox.Event `json:"event,omitempty"`
	// Outcome is the outcome document once more, as the last report: the disk
	// that its file should lie on may be full.
	Outcome *sandbox.Outcome `json:"outcome,omitempty"`
	// Fatal says that the shim could not even begin; nothing was started.
	Fatal string `json:"fatal,omitempty"`
}
