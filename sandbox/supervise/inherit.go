// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"golang.org/x/sys/unix"

	"drydock/sandbox/supervise/wire"
)

// keep keeps the descriptors that the supervisor was started with from the
// programs that it starts (ssh, a credential helper, the one who judges): what
// such a program leaves running in the background would hold the lease, and keep
// the socket and the program's output from ending.
func keep() {
	for fd := wire.ControlFD; fd <= wire.LeaseFD; fd++ {
		unix.CloseOnExec(fd)
	}
}
