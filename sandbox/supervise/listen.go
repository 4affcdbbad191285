// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/failpoint"
	"drydock/sandbox/supervise/wire"
)

// listenBacklog is how many may come at a time.
const listenBacklog = 16

// listen makes the attempt's socket, so that a later process can follow the
// attempt. It has its name only when it listens: who finds the name and is
// refused knows that the supervisor is gone.
func (c *Control) listen(dir string) error {
	dirFD, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(dirFD)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	c.listener = os.NewFile(uintptr(fd), wire.ControlFile)
	const unnamed = "." + wire.ControlFile
	err = unix.Fchmod(fd, 0o600) // the name gets the socket's mode
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dirFD) + "/" + unnamed})
	}
	if err == nil {
		failpoint.At(failpoint.SocketBound)
		err = unix.Listen(fd, listenBacklog)
	}
	if err == nil {
		err = unix.Renameat(dirFD, unnamed, dirFD, wire.ControlFile)
	}
	if err != nil {
		return fmt.Errorf("make the socket %s in %s: %w", wire.ControlFile, dir, err)
	}
	go c.accept() // ends with the supervisor
	return nil
}

// accept waits without a thread of its own: the descriptor does not block.
func (c *Control) accept() {
	raw, err := c.listener.SyscallConn()
	if err != nil {
		return
	}
	for {
		var fd int
		var acceptErr error
		err := raw.Read(func(listener uintptr) bool {
			fd, _, acceptErr = unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return acceptErr != unix.EAGAIN
		})
		if err != nil {
			return
		}
		if acceptErr != nil { // they hung up, or descriptors are short
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go c.obey(c.join(os.NewFile(uintptr(fd), "follower")))
	}
}
