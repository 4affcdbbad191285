// SPDX-License-Identifier: Apache-2.0

// Package discover finds out which accelerators a machine has.
//
// NVIDIA's come from the driver's library, which is asked in a process of its
// own with a limit of time: this program again, with a hidden first argument
// (see HandOver). Where that fails, nvidia-smi is asked, and where there is
// none, what the kernel module writes into /proc: whole GPUs by name, and
// nothing of their use. The other vendors' come from sysfs and device nodes.
// Nothing here opens a device, needs root or changes anything.
package discover
