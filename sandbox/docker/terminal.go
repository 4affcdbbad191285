// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"strconv"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// setSize sets the size of the terminal that is a process's stdin, and reports
// whether it is one.
func setSize(pid int, size sandbox.TerminalSize) bool {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/fd/0", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols}) == nil
}
