// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"drydock/sandbox"
	"drydock/sandbox/native"
)

// defaultSandbox is this machine's own.
func defaultSandbox() (sandbox.Sandbox, error) { return native.New(native.Config{}) }
