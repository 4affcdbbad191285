// SPDX-License-Identifier: Apache-2.0

package client

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"drydock/sandbox/supervise/wire"
)

// Ahead is a supervisor's process that was started before its attempt is known:
// its program is loaded, and it waits, when there is one. It holds nothing but a
// socket, and ends with the process that started it.
type Ahead struct {
	process *exec.Cmd
	ours    *os.File // our end of its socket
}

// StartAhead starts a supervisor that waits for its attempt (supervise.Await),
// in a session of its own, so that a terminal's Ctrl-C does not reach it. It
// goes to Attempts.Start, once, or is dropped. env is beside PATH.
func StartAhead(path string, argv, env []string) (*Ahead, error) {
	ours, theirs, err := SocketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		ours.Close()
		return nil, err
	}
	defer null.Close()
	process := &exec.Cmd{
		Path: path, Args: argv, Dir: "/",
		Env:         supervisorEnv(env),
		ExtraFiles:  []*os.File{theirs, null, null, null, null}, // the last four keep the places of what comes
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := process.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	return &Ahead{process: process, ours: ours}, nil
}

// Waits reports whether it still waits: somebody may have killed it.
func (h *Ahead) Waits() bool {
	polled := []unix.PollFd{{Fd: int32(h.ours.Fd())}} // of no events: of its end alone
	n, err := unix.Poll(polled, 0)
	return n == 0 && err == nil
}

// Drop ends a supervisor that no attempt needs. Of one that has an attempt it
// does nothing.
func (h *Ahead) Drop() {
	if h.process == nil {
		return
	}
	_ = h.process.Process.Kill()
	_ = h.process.Wait()
	h.ours.Close()
}

// hand gives it an attempt's files, in the order of wire.Handed. From then on
// they are held by it, though it may have to come to them yet: so is the lease.
func (h *Ahead) hand(files []*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	for {
		err := unix.Sendmsg(int(h.ours.Fd()), []byte(wire.HandedWith), unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return os.NewSyscallError("sendmsg", err)
		}
	}
}

// take has a supervisor that was started ahead take the attempt up.
func (r *running) take(h *Ahead, files []*os.File) error {
	if err := h.hand(files); err != nil {
		return err
	}
	r.control, r.process = h.ours, h.process
	h.ours, h.process = nil, nil
	return nil
}
