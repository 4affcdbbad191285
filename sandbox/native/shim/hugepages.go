// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/sys/unix"

// noHugePages says that this process and those that it starts have no
// transparent huge pages. The runtime's own init lives in the task's cgroup for
// a moment: with pages of 2 MiB, which many systems give to everybody, it needs
// 8 MiB there or not, as it happens, and else 3. The stage gives them back
// before the program runs.
var noHugePages bool

// forgoHugePages leaves a choice alone that somebody has made before.
func forgoHugePages() bool {
	off, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	return err == nil && off == 0 && unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) == nil
}
