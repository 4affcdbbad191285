// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of drydock: one file per command, each with
// its options, its checks and its run function.
//
// Begin with Main. A command's constructor (newRunCommand, …) is the only
// place that knows the flag library; the run functions take a context, the
// World (streams, environment, clock) and an options struct, so that tests
// call them directly. An error becomes an exit code in one place, exitCode.
package cli
