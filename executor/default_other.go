// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package executor

import (
	"context"

	"drydock/sandbox"
)

func defaultSandbox() (sandbox.Sandbox, error) {
	return nil, &sandbox.UnsupportedError{What: "tasks run natively on Linux only", Remedy: "give another sandbox with WithSandbox"}
}

func defaultImages(context.Context) (closingSandbox, error) {
	return nil, &sandbox.UnsupportedError{What: "tasks run in a container engine from Linux only", Remedy: "give another sandbox with WithSandbox"}
}
