// SPDX-License-Identifier: Apache-2.0

// Package provide makes what tests need and this machine does not have ready:
// unpacked packages, root file systems, programs that take minutes to build.
//
// Each is kept in the user's cache directory, outside any checkout, under a
// hash of what it is made of (Dir), so that it is made once and made again
// when an ingredient changes. Test support: the product has no use for it.
package provide
