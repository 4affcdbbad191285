// SPDX-License-Identifier: Apache-2.0

package shimapi

import "golang.org/x/sys/unix"

// scopedABI is the first Landlock ABI with scopes (Linux 6.12,
// Documentation/userspace-api/landlock.rst).
const scopedABI = 6

// CanScopeAbstractSockets reports whether this kernel can keep the host's
// abstract Unix sockets out of a task's reach.
func CanScopeAbstractSockets() bool {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && abi >= scopedABI
}
