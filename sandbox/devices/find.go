// SPDX-License-Identifier: Apache-2.0

package devices

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// Node is a device node as it is on this machine.
type Node struct {
	Path         string
	Major, Minor uint32
	Mode         os.FileMode // permission bits
	UID, GID     uint32
}

// optional are nodes that a driver may make later or never, and that a task
// does without: CUDA opens this one for debuggers and profilers only.
var optional = map[string]bool{"/dev/nvidia-uvm-tools": true}

// Required are the nodes without which the accelerators are of no use.
func Required(a *sandbox.Accelerators) []string {
	return slices.DeleteFunc(slices.Clone(a.Nodes), func(path string) bool { return optional[path] })
}

// Find looks up the nodes of an attempt's accelerators; nil has none. Each is a
// character device below /dev that is no link and lies behind none: a name is
// looked up by root here, and again by an engine. Errors are
// *sandbox.AcceleratorError.
func Find(a *sandbox.Accelerators) ([]Node, error) {
	if a == nil {
		return nil, nil
	}
	var nodes []Node
	for _, path := range a.Nodes {
		node, err := find(path)
		if errors.Is(err, fs.ErrNotExist) && optional[path] {
			continue
		}
		if err != nil {
			return nil, explain(path, err)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// Why a path is not passed on.
var (
	errOutside = errors.New("is not below /dev")
	errLink    = errors.New("is a symbolic link, or lies behind one")
	errKind    = errors.New("is not a character device")
)

func find(path string) (Node, error) {
	if filepath.Clean(path) != path || !strings.HasPrefix(path, "/dev/") {
		return Node{}, errOutside
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return Node{}, err
	}
	switch real, err := filepath.EvalSymlinks(path); {
	case err != nil:
		return Node{}, err
	case real != path:
		return Node{}, errLink
	case st.Mode&unix.S_IFMT != unix.S_IFCHR:
		return Node{}, errKind
	}
	return Node{
		Path: path, Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev)),
		Mode: os.FileMode(st.Mode & 0o777), UID: st.Uid, GID: st.Gid,
	}, nil
}

// explain says what a node that cannot be had means, and what to do.
func explain(path string, err error) error {
	e := &sandbox.AcceleratorError{
		Message: fmt.Sprintf("the device node %s %v", path, err),
		Remedy:  "run `drydock devices` to see what this machine has",
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return e
	}
	switch path {
	case "/dev/nvidia-uvm":
		// Without it CUDA fails with an "unknown error" (999).
		e.Message = "nvidia-uvm is not loaded: /dev/nvidia-uvm does not exist"
		e.Remedy = "run `sudo nvidia-modprobe -u -c 0`, which loads the module and makes the node"
	case "/dev/nvidiactl":
		e.Message = "the NVIDIA kernel module is not loaded: /dev/nvidiactl does not exist"
		e.Remedy = "run `sudo nvidia-modprobe -c 0`, or reboot after a driver upgrade"
	default:
		e.Message, e.Stale = fmt.Sprintf("the device node %s does not exist any more", path), true
	}
	return e
}
