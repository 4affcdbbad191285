// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// beginPatience is how long a supervisor may take from its start until it can
// be reached; the machine may be short of everything.
const beginPatience = 30 * time.Second

// Attach follows an attempt that another process started; see
// sandbox.Attacher.
//
// Whether there is anything to follow, the lease and the supervisor's socket
// say together. The lease's lock is held without a gap from before the
// supervisor is forked until its end; the socket is there from before anything
// is set up. Who finds the lease free and then neither socket nor outcome
// knows that nothing began.
func (a *Attempts) Attach(ctx context.Context, spec sandbox.Spec) (sandbox.Running, error) {
	f := &followed{newLink(a, spec)}
	for deadline := time.Now().Add(beginPatience); ; {
		conn, err := dial(spec.Dir)
		if err == nil {
			f.control = conn
			go f.follow()
			return f, nil
		}
		if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("reach the supervisor of %s: %w", f.name, err)
		}
		refused := errors.Is(err, unix.ECONNREFUSED) // it listened, and has ended
		if refused || a.Leases.Free(f.name) {
			if !refused && !f.begun() {
				return nil, errors.Join(fmt.Errorf("attempt %s: %w", f.name, sandbox.ErrNotBegun), f.cleanUp())
			}
			go f.end()
			return f, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the supervisor of %s does not answer for %s; %s may say why, and its lease %s is free when it has ended",
				f.name, beginPatience, filepath.Join(spec.Dir, wire.OwnLogFile), a.Leases.Path(f.name))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// reachable reports whether the supervisor of the attempt kept in dir lives and
// can be reached: then the attempt runs, or is just being cleaned up. It
// changes nothing. A supervisor needs a moment after its start.
func reachable(dir string) bool {
	conn, err := dial(dir)
	if err != nil {
		return false
	}
	_ = conn.Close() // the supervisor takes it for a reader that has gone
	return true
}

// Live reports whether the supervisor of attempt n of task id, kept in dir,
// lives: also one that cannot be reached yet, or any more. Who has no right to
// see its socket is told by its lease.
func (l Leases) Live(dir, id string, n int) bool {
	return reachable(dir) || l.Held(Name(sandbox.Spec{ID: id, Attempt: n}))
}

// dial connects to the socket in an attempt's directory. ENOENT says that
// there is none (yet), ECONNREFUSED that its supervisor is gone.
func dial(dir string) (*os.File, error) {
	dirFD, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(dirFD)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	address := &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dirFD) + "/" + wire.ControlFile}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Connect(fd, address)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that closing it wakes a reader
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return os.NewFile(uintptr(fd), "control"), nil
}

// followed is an attempt whose supervisor another process started.
type followed struct{ *link }

func (f *followed) follow() {
	f.listen()
	f.hangUp()
	f.end()
}

// end settles the outcome after the supervisor's end. An end in order has left
// nothing; then cleaning up only waits for it to be complete.
func (f *followed) end() {
	defer close(f.done)
	close(f.events)
	f.a.Cleaned()
	err := f.cleanUp()
	f.settle("it was killed", func() error { return err })
}

// leasePatience bounds the wait for others who clean up, too.
const leasePatience = 5 * time.Second

// cleanUp removes what the supervisor left, once it and all others who clean
// up have let the lease go.
func (f *followed) cleanUp() error {
	for deadline := time.Now().Add(leasePatience); ; time.Sleep(time.Millisecond) {
		held, lease, dead := f.a.Leases.Inspect(f.name)
		if dead {
			err := f.a.Clean(f.name, Lease{Dir: f.dir, Base: lease.Base})
			if held != nil {
				err = errors.Join(err, held.Close())
			}
			return err
		}
		if held != nil {
			held.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the lease %s is still held; what the attempt left was not removed", f.a.Leases.Path(f.name))
		}
	}
}
