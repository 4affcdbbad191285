// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/sandbox/supervise/wire"
)

// Await is for a supervisor that was started ahead (client.StartAhead): it waits
// for an attempt, and puts its files where one finds them that was started for
// it. false: whoever started it has gone, or dropped it, and there is nothing to
// do. It is called first of all, by one goroutine.
func Await() (wanted bool, err error) {
	keep()
	word, rights := make([]byte, len(wire.HandedWith)), make([]byte, unix.CmsgSpace(4*len(wire.Handed)))
	n, oobn := 0, 0
	for err = unix.EINTR; err == unix.EINTR; {
		n, oobn, _, _, err = unix.Recvmsg(wire.ControlFD, word, rights, unix.MSG_CMSG_CLOEXEC)
	}
	switch {
	case err != nil:
		return false, fmt.Errorf("wait for an attempt: %w", os.NewSyscallError("recvmsg", err))
	case n == 0:
		return false, nil
	}
	return true, place(rights[:oobn])
}

// errNotHanded is of a drydock that starts its supervisors in another way.
var errNotHanded = errors.New("drydock and its supervisor are of two releases; install one release of drydock only")

// place puts the files that came into their places.
func place(rights []byte) error {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return errNotHanded
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != len(wire.Handed) {
		return errNotHanded
	}
	for i, at := range wire.Handed {
		flags := unix.O_CLOEXEC // see keep
		if at <= 2 {
			flags = 0
		}
		if err := unix.Dup3(files[i], at, flags); err != nil {
			return os.NewSyscallError("dup3", err)
		}
		unix.Close(files[i])
	}
	return nil
}
