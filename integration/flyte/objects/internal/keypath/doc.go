// SPDX-License-Identifier: Apache-2.0

// Package keypath maps object keys to relative file paths and back. Keys come
// over the wire and are hostile; the paths are what an os.Root is given.
//
// An ordinary key is its own path: a/b/c.pb is the file c.pb in a/b. A segment
// that a file system cannot hold, or that would mean something to it, is
// escaped. A percent sign never stands for itself, so nothing of the key's
// can look like one of the escapes:
//
//	%25, %0A, %7F     a byte of the key: percent sign, control characters
//	%2E, %2E%2E       the segments "." and ".."
//	%_                the empty segment (a leading, trailing or double slash)
//	<200 bytes>%+/…   a long segment goes on in the next path element
//	%=                in the directory a/b: the object a/b itself, which cannot
//	                  be a file there because a/b/c exists as well
//
// The last one is not Encode's: which objects share their name with a
// directory is known only to the directory. Begin with Check and Encode.
package keypath
