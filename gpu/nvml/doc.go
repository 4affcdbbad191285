// SPDX-License-Identifier: Apache-2.0

// Package nvml reads what NVIDIA's driver library says of the GPUs here. It
// alone knows go-nvml, which needs cgo.
//
// Reading is for a process of its own (HandOver, package discover). go-nvml
// leaves the library's functions to the dynamic loader, which ends the
// process when one is missing: no panic, nothing to recover from. A driver
// older than a function is such a case, so every call here first asks whether
// the function is there. And a GPU that is lost can keep a call waiting in
// the kernel, where nothing but the end of the process helps its caller.
//
// A program with this package must not be linked statically: the addresses
// would be fixed to 0. It is linked with -z lazy: with -z now, or with
// LD_BIND_NOW in its environment, it would end before main.
package nvml
