// SPDX-License-Identifier: Apache-2.0

// Package fidelity compares what drydock's sandboxes do with what a real
// kubelet did, and writes docs/fidelity.md.
//
// What the kubelet did is in testdata, keyed by id and cgroup version: facts
// such as "exit" or "memory.max", each with its value. Package
// integration/e2e/fidelity runs the equivalent of each id and hands in the
// same facts (Result); a result that was recorded lies in results, one file a
// backend. Begin with Behaviours and Compare.
//
// A fact that differs is a failure unless Differences names it, with drydock's
// value and the reason; a difference that is named and not seen is one, too.
package fidelity
