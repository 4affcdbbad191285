// SPDX-License-Identifier: Apache-2.0

//go:build !failpoint

package failpoint

// At does nothing in this build.
func At(Step) {}

// Env is what a supervisor's environment must hold for its failpoints.
func Env() []string { return nil }
