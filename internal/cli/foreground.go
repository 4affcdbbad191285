// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// inputOf is what the task reads: standard input, of a terminal only while
// drydock is in its foreground.
func inputOf(w World) io.Reader {
	if isTerminal(w.Stdin) {
		return foreground{w.Stdin.(*os.File)}
	}
	return w.Stdin
}

// foreground reads a terminal that others use meanwhile. A process that reads
// it from the background (drydock run … &, or Ctrl-Z and bg) is stopped by the
// kernel, although the task may read nothing at all.
type foreground struct{ terminal *os.File }

// backgroundPause is how often a reader in the background looks whether it is
// in front again, while there is input for somebody else.
const backgroundPause = 250 * time.Millisecond

func (f foreground) Read(b []byte) (int, error) {
	fd := int(f.terminal.Fd())
	for {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err == unix.EINTR {
			continue
		}
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		if err != nil || group == unix.Getpgrp() { // an error: it is no terminal of ours, and stops nobody
			return f.terminal.Read(b)
		}
		time.Sleep(backgroundPause)
	}
}
