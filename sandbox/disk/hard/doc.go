// SPDX-License-Identifier: Apache-2.0

// Package hard makes directories that take no more than a limit: a write
// beyond it fails, with ENOSPC or EDQUOT, as on a disk of that size. Begin at
// Find, which says in which way that can be had in a directory, and Make.
//
// A project quota is taken where a probe proves it: XFS mounted with pquota,
// ext4 with prjquota. Elsewhere the directory is a file system of its own, in
// a sparse file that has no name any more and on a loop device that goes with
// its last mount. Both need root. What they cost is in docs/performance.md.
package hard
