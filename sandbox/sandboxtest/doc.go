// SPDX-License-Identifier: Apache-2.0

// Package sandboxtest holds the conformance suite that every sandbox passes,
// and Fake, a sandbox in memory for the tests of others.
//
// A sandbox's own test describes it with a Backend and calls Conformance. The
// suite looks at facts (sandbox.Outcome) only. Its program is hog
// (testdata/hog.c), whose arguments are a small language; Fake speaks it too.
package sandboxtest
