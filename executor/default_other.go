// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package executor

import "drydock/sandbox"

func defaultSandbox() (sandbox.Sandbox, error) {
	return nil, &sandbox.UnsupportedError{What: "tasks run natively on Linux only", Remedy: "give another sandbox with WithSandbox"}
}
