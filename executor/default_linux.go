// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"

	"drydock/sandbox"
	"drydock/sandbox/docker"
	"drydock/sandbox/native"
)

// defaultSandbox is this machine's own.
func defaultSandbox() (sandbox.Sandbox, error) { return native.New(native.Config{}) }

// defaultImages is the engine that the environment names.
func defaultImages(ctx context.Context) (closingSandbox, error) {
	box, err := docker.New(ctx, docker.Config{})
	if err != nil {
		return nil, err // not a nil *docker.Sandbox
	}
	return box, nil
}
