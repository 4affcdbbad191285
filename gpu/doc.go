// SPDX-License-Identifier: Apache-2.0

// Package gpu says which accelerators a machine has, as plain values, and
// which of them a request for devices means.
//
// An Inventory is what somebody found out: package discover on a real
// machine, a test in a literal. Find judges a request against it, as the
// scheduler of a cluster judges it against its nodes: what can never be had
// here is a *RefusalError, with what was asked, what is here and what would
// do. What can be had is a Match: Pick chooses of it what is free now, by
// topology, or says what it waits for. Both are pure: no file is read, no
// device is opened, nothing is leased.
//
// Devices are named by UUID where the vendor has one. Indices and minor
// numbers may change with the next boot, and only say which node belongs to a
// device.
//
// A device that was given out excludes others: a MIG device its whole GPU,
// and a whole GPU its MIG devices. Choice.Excludes names them for whoever
// keeps the leases (see sandbox.Device).
package gpu
