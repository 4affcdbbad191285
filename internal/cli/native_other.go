// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cli

import (
	"context"

	"drydock/internal/devicecheck"
	"drydock/sandbox"
)

type hostSandboxes struct{}

func notHere() error {
	return &sandbox.UnsupportedError{What: "drydock runs tasks on Linux only", Remedy: "use a Linux machine or virtual machine"}
}

func (hostSandboxes) Native(Place) (sandbox.Sandbox, error) { return nil, notHere() }

func (hostSandboxes) Docker(context.Context, Place) (sandbox.Sandbox, error) { return nil, notHere() }

func (hostSandboxes) Doctor(context.Context, Place) []Check {
	return []Check{{Name: "system", State: sandbox.NotEnforced, Why: notHere().Error(), Essential: true}}
}

func (hostSandboxes) Clean(context.Context, Place) ([]string, error) { return nil, notHere() }

// Devices are handed to tasks on Linux only.
func acceleratorFindings(context.Context, World, Place) []devicecheck.Finding {
	return []devicecheck.Finding{{Name: "accelerators", State: devicecheck.Problem, Why: notHere().Error()}}
}
