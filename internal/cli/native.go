// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"drydock/sandbox"
)

// Sandboxes make sandboxes and know what this machine can do. The host's own
// are in native_linux.go, the only file that knows package native.
type Sandboxes interface {
	// Native prepares the embedded runtime; nothing is started yet.
	Native(Place) (sandbox.Sandbox, error)
	// Docker finds the container engine that the environment names.
	Docker(context.Context, Place) (sandbox.Sandbox, error)
	// Doctor tries what this machine enforces.
	Doctor(context.Context, Place) []Check
	// Clean removes what dead supervisors left and names it.
	Clean(context.Context, Place) ([]string, error)
}

// Place says where drydock keeps and finds its things.
type Place struct {
	StateDir string
	Shim     string // "": beside the program
	LeaseDir string // "": the machine's
	// Attempt says that an attempt is about to begin there.
	Attempt bool
	// OnStray is told of every leftover of a dead supervisor that was removed;
	// nil: nobody.
	OnStray func(what string)
}

// Check is one line of drydock doctor.
type Check struct {
	Name      string               `json:"name"`
	State     sandbox.EnforceState `json:"state"`
	Why       string               `json:"why,omitempty"`
	Fix       string               `json:"fix,omitempty"`
	Essential bool                 `json:"essential,omitempty"` // without it nothing runs
	// Sandbox is what it is about: "docker"; "": the native one.
	Sandbox string `json:"sandbox,omitempty"`
}
