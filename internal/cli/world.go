// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// World is what a command sees of the outside. Tests hand in their own.
type World struct {
	Args    []string // Args[0] is the program
	Environ []string // NAME=value
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Root    bool // an effective user id of 0
	Build   Build

	// Dir is the working directory; an error when it no longer exists.
	Dir func() (string, error)
	// Self is the path of drydock's own program, to start it again.
	Self func() (string, error)
	Now  func() time.Time
	// Notify and Unnotify are signal.Notify and signal.Stop.
	Notify   func(chan<- os.Signal, ...os.Signal)
	Unnotify func(chan<- os.Signal)

	Sandboxes Sandboxes
	// Devices finds the machine's accelerators.
	Devices func(context.Context) gpu.Inventory
}

// Build says which program this is.
type Build struct {
	Version string
	Commit  string // "": read from the build information
}

// Host is the World of the running process.
func Host(b Build) World {
	return World{
		Args:      os.Args,
		Environ:   os.Environ(),
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Root:      os.Geteuid() == 0,
		Build:     b,
		Dir:       workingDir,
		Self:      os.Executable,
		Now:       time.Now,
		Notify:    signal.Notify,
		Unnotify:  signal.Stop,
		Sandboxes: hostSandboxes{},
		Devices:   func(ctx context.Context) gpu.Inventory { return discover.Machine(ctx, discover.Options{}) },
	}
}

// workingDir is os.Getwd without its blind spot: a directory that was removed
// is an error, also where the kernel still has a name for it.
func workingDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	here, err := os.Stat(".")
	if err != nil {
		return "", err
	}
	there, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !os.SameFile(here, there) {
		return "", &os.PathError{Op: "getwd", Path: dir, Err: os.ErrNotExist}
	}
	return filepath.Clean(dir), nil
}

// env is the value of an environment variable, as the shell would see it.
func (w World) env(name string) (string, bool) {
	for i := len(w.Environ) - 1; i >= 0; i-- {
		if v := w.Environ[i]; len(v) > len(name) && v[len(name)] == '=' && v[:len(name)] == name {
			return v[len(name)+1:], true
		}
	}
	return "", false
}
