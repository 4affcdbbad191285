// SPDX-License-Identifier: Apache-2.0

// Package supervise is what every supervisor does: the process that keeps one
// attempt, outlives drydock, and writes the outcome. It takes the attempt
// through its set-up, the run, and its end; keeps the timeout; moves, logs and
// remembers the output; measures, and looks for OOM kills; and speaks with
// whoever follows the attempt (package wire).
//
// What runs the program is a Box, and who counts its memory and its kills a
// Witness: Kernel, a cgroup of drydock's own, where there is one. A sandbox's
// supervisor gives an Attempt the steps that make both, and calls Run.
//
// The package is part of drydock-shim, whose memory is charged to tasks: it
// imports little, and nothing large.
package supervise
