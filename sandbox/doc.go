// SPDX-License-Identifier: Apache-2.0

// Package sandbox describes one isolated attempt of one command: a Spec goes
// in, an Outcome comes out.
//
// The package holds the contract only. Implementations live beside it:
// native (the embedded runtime) and, for tests, the scripted fake of
// sandboxtest, which also holds the conformance suite that every
// implementation passes. Begin with Spec, then Outcome.
//
// A sandbox reports facts: what the kernel said, what was seen, what it did
// itself. What they mean (out of memory, a timeout, somebody else's kill) is
// decided by package executor alone.
package sandbox
