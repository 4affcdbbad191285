// SPDX-License-Identifier: Apache-2.0

// Package shimapi is what drydock and drydock-shim have to say to each other
// beside the common language of supervisors, package wire. Both are installed
// together, so the version is checked, never negotiated.
//
// drydock starts the shim in a mount namespace of its own.
package shimapi

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox/disk/hard"
	"drydock/sandbox/supervise/wire"
)

// Version of this contract, package wire's part included.
const Version = 4

// VersionError says that drydock and drydock-shim are of two releases.
type VersionError struct{ Drydock, Shim int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("drydock speaks version %d of the shim contract and this drydock-shim version %d; install both from one release", e.Drydock, e.Shim)
}

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

// ParamsArg, followed by a file, a path for a copy and where the file shows
// inside, has the shim put the copy, changed, in the file's place and end. The
// runtime calls it as a hook.
const ParamsArg = "nvidia-params"

// ParamsFile is the copy, in the attempt's directory.
const ParamsFile = "nvidia-params"

// Scratch are the entries of the attempt's directory that do not outlive it:
// the private layers, mount points, the runtime's own record and the task's
// own directory.
var Scratch = []string{LayersDir, "rootfs", "shm", "runtime", ParamsFile, wire.WorkDir}

// LayersDir, in the attempt's directory, has the private layers.
const LayersDir = "layers"

// Config is the first line on the control socket.
type Config struct {
	Version int        `json:"version"`
	OCI     specs.Spec `json:"oci"` // a runtime-spec config.json
	Drydock Section    `json:"drydock"`
}

// Section is what an OCI configuration cannot say.
type Section struct {
	wire.Config // its ID is the container's, too

	Rootfs Rootfs `json:"rootfs"`
	// Disk says how LayersDir is held to the limit on the disk; "": it is not.
	Disk hard.Way `json:"disk,omitempty"`
	// ShmDir is where the attempt's /dev/shm is mounted on the shim's side,
	// so that it can be measured after the end.
	ShmDir string `json:"shm_dir"`

	// CacheDir keeps compiled seccomp filters; "": they are not kept.
	CacheDir string `json:"cache_dir,omitempty"`

	// Raw holds the program's words when they are not all UTF-8 text, which
	// is all that the OCI part can carry.
	Raw *RawProcess `json:"raw,omitempty"`
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
