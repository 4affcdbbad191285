// SPDX-License-Identifier: Apache-2.0

// Package guest runs tests inside a virtual machine with a Debian kernel and
// pure cgroup v2, and shows them as ordinary Go tests.
//
//	make test-v2                          every case once
//	make test-v2 RUN=TestConformance/C1   some of them, with their output
//	make soak-v2                          with full counts
//
// The test binaries are built here, statically, and run in the guest on a root
// file system made by debootstrap; their output comes back over a port and
// becomes one subtest each, with its result, its reason for a skip, and what
// it printed when it failed. Kernel and root file system are kept in the
// user's cache directory under a hash of what they are made of.
//
// The machine is QEMU's. Where KVM works it is used; a device that cannot be
// opened, or a guest that says nothing for ten seconds, means emulation, in
// which a program takes ten times as long.
//
// Begin with Machine.Run. What the guest does is in package agent, what both
// sides say to each other in package wire; tests that make sense in the guest
// alone are in package inside.
package guest
