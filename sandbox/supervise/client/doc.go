// SPDX-License-Identifier: Apache-2.0

// Package client is drydock's side of a supervisor: it starts one for an
// attempt, follows it to the outcome, finds one that another process started,
// and keeps the leases by which the living are told from the dead.
//
// Begin with Attempts. What a dead supervisor left is the sandbox's to remove:
// it knows what it made.
package client
