// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"path/filepath"

	"drydock/sandbox"
	"drydock/sandbox/disk/hard"
)

// hardDiskCheck says how this machine would stop a write at a limit on the
// disk (--disk-enforce=hard), by trying it where the state lies, or will lie.
func hardDiskCheck(stateDir string) Check {
	c := Check{Name: "disk-hard", State: sandbox.Enforced}
	for dir := stateDir; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			stateDir = dir
			break
		}
	}
	way, err := hard.Find(stateDir)
	if err == nil {
		c.Why = "--disk-enforce=hard stops writes by " + way.What()
		return c
	}
	c.State, c.Why = sandbox.NotEnforced, err.Error()
	if e, ok := errors.AsType[*sandbox.SpecError](err); ok {
		c.Why, c.Fix = e.Reason, e.Remedy
	}
	return c
}
