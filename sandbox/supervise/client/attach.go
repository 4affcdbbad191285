// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// beginPatience is how long a supervisor may take from its start until it can
// be reached; the machine may be short of everything.
const beginPatience = 30 * time.Second

// Attach follows an attempt that another process started; see
// sandbox.Attacher.
//
// Whether there is anything to follow, the lease and the shim's socket say
// together. The lease's lock is held without a gap from before the shim is
// forked until its end; the socket is there from before anything is set up.
// Who finds the lease free and then neither socket nor outcome knows that
// nothing began.
func (s *Sandbox) Attach(ctx context.Context, spec sandbox.Spec) (sandbox.Running, error) {
	f := &followed{s: s, dir: spec.Dir, group: groupName(spec), events: make(chan sandbox.Event, eventBacklog), done: make(chan struct{})}
	f.lease = filepath.Join(s.config.LeaseDir, f.group)
	for deadline := time.Now().Add(beginPatience); ; {
		conn, err := dialShim(spec.Dir)
		if err == nil {
			f.control = conn
			go f.follow()
			return f, nil
		}
		if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("reach the supervisor of %s: %w", f.group, err)
		}
		refused := errors.Is(err, unix.ECONNREFUSED) // it listened, and has ended
		if refused || f.leaseFree() {
			if !refused && !f.begun() {
				return nil, errors.Join(fmt.Errorf("attempt %s: %w", f.group, sandbox.ErrNotBegun), f.cleanUp())
			}
			go f.settle()
			return f, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the supervisor of %s does not answer for %s", f.group, beginPatience)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// dialShim connects to the socket in an attempt's directory. ENOENT says that
// there is none (yet), ECONNREFUSED that its shim is gone.
func dialShim(dir string) (*os.File, error) {
	dirFD, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(dirFD)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	address := &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dirFD) + "/" + shimapi.ControlFile}
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
type followed struct {
	s                 *Sandbox
	dir, group, lease string
	control           *os.File // nil: the supervisor is gone already
	events            chan sandbox.Event
	done              chan struct{} // closed when outcome and err are set

	mu       sync.Mutex // guards writes to control
	fatal    string
	reported *sandbox.Outcome // as the shim sent it

	outcome sandbox.Outcome
	err     error
}

// leaseFree reports whether no process holds the attempt's lease.
func (f *followed) leaseFree() bool {
	held, _, dead := inspectLease(f.lease)
	if held != nil {
		held.Close()
	}
	return dead
}

// begun reports whether a supervisor ever took the attempt up. The log stands
// for those whose socket was cleaned away.
func (f *followed) begun() bool {
	for _, name := range []string{shimapi.OutcomeFile, shimapi.ControlFile, shimapi.LogFile} {
		if _, err := os.Lstat(filepath.Join(f.dir, name)); err == nil {
			return true
		}
	}
	return false
}

// follow passes the shim's reports on and settles the outcome at its end.
func (f *followed) follow() {
	decoder := json.NewDecoder(f.control)
	for {
		var report shimapi.Report
		if err := decoder.Decode(&report); err != nil {
			break
		}
		if report.Event != nil {
			f.events <- *report.Event
		}
		if report.Outcome != nil {
			f.reported = report.Outcome
		}
		if report.Fatal != "" {
			f.fatal = report.Fatal
		}
	}
	f.mu.Lock()
	f.control.Close()
	f.mu.Unlock()
	f.settle()
}

// settle finds the facts after the supervisor's end, or cleans up after one
// that left none.
func (f *followed) settle() {
	defer close(f.done)
	close(f.events)
	f.s.cleaned()
	cleanErr := f.cleanUp()
	if f.outcome, f.err = ReadOutcome(f.dir); f.err == nil && f.fatal == "" {
		return
	}
	if f.reported != nil { // its file could not be written
		f.outcome, f.err = *f.reported, cleanErr
		return
	}
	f.err = errors.Join(lostOutcome(f.dir, f.fatal, "it was killed", f.err), cleanErr)
}

// cleanUp removes what the supervisor left, once it and all others who clean
// up have let the lease go. After an end in order nothing is left.
func (f *followed) cleanUp() error {
	for deadline := time.Now().Add(cleanPatience); ; time.Sleep(time.Millisecond) {
		held, stray, dead := inspectLease(f.lease)
		if dead {
			err := f.s.cleaner().cleanAttempt(f.group, f.dir, stray.base)
			if held != nil {
				err = errors.Join(err, held.Close())
			}
			return err
		}
		if held != nil {
			held.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the lease %s is still held; what the attempt left was not removed", f.lease)
		}
	}
}

// Events implements sandbox.Running.
func (f *followed) Events() <-chan sandbox.Event { return f.events }

// Stop implements sandbox.Running.
func (f *followed) Stop(reason sandbox.StopReason, grace time.Duration) {
	f.send(shimapi.Command{Stop: &shimapi.Stop{Reason: reason, Grace: max(0, grace)}})
}

// Resize implements sandbox.Resizer.
func (f *followed) Resize(size sandbox.TerminalSize) {
	f.send(shimapi.Command{Resize: &size})
}

// send writes one line to the shim. One that has ended does not read it, and
// Wait tells how it ended.
func (f *followed) send(cmd shimapi.Command) {
	if f.control == nil {
		return
	}
	line, err := json.Marshal(cmd)
	if err != nil { // only plain structs get here
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.control.Write(append(line, '\n'))
}

// Wait implements sandbox.Running.
func (f *followed) Wait() (sandbox.Outcome, error) {
	<-f.done
	return f.outcome, f.err
}
