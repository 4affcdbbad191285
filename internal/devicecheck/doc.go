// SPDX-License-Identifier: Apache-2.0

// Package devicecheck says what stands between a machine's accelerators and
// the tasks that ask for them: drivers, modules, device nodes, NVIDIA's
// container toolkit and its descriptions for engines, with the fix beside each.
// Everything is read below a root directory, nothing is opened or changed.
// Begin with Machine.
package devicecheck
