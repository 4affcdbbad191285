// SPDX-License-Identifier: Apache-2.0

// Package disk measures what an attempt takes of the disk: its writable
// layers, its log and its own directory, by a walk over the directories as a
// kubelet does it. Begin at Meter.
//
// Counted are allocated blocks, so that a sparse file counts for what it
// holds, and an inode with several names once. What was deleted and is still
// open takes its room as well: it is looked for among the open files of the
// attempt's processes. A walk never leaves the file system that it began on
// and follows no symbolic link, for the tree is the task's own, and changes
// while it is looked at.
package disk
