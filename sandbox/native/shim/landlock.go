// SPDX-License-Identifier: Apache-2.0

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"drydock/sandbox/native/shimapi"
)

// scopeAbstractSockets keeps the host's abstract Unix sockets (D-Bus, X11,
// old container engines) out of reach although the host's network is shared:
// abstract names belong to the network namespace, and no mount hides them.
// Landlock scopes do (Linux 6.12); an older kernel cannot, which the
// enforcement table says. Sockets of the task's own stay reachable.
func scopeAbstractSockets() {
	if !shimapi.CanScopeAbstractSockets() {
		return
	}
	attr := struct{ fs, net, scoped uint64 }{scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return
	}
	_, _, _ = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	_ = unix.Close(int(fd))
}
