// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// Supervisor is how to start the supervisor of one attempt.
type Supervisor struct {
	Spec   sandbox.Spec
	Base   string   // of the lease; see Lease
	Argv   []string // of the process
	Path   string   // its program
	Env    []string // beside PATH
	Config any      // the first line on its socket
	// Ahead is such a process that was started before; Path, Argv, Env and
	// Begin count for nothing then. Start has the use of it, whatever comes of
	// it. Nil: one is started.
	Ahead *Ahead
	// Begin starts the process, where exec.Cmd's own Start does not do. ours
	// and theirs are the two ends of its socket; nil: Start, in a session of
	// its own.
	Begin func(cmd *exec.Cmd, ours, theirs *os.File) error
}

// running is an attempt whose supervisor was started by this process.
type running struct {
	*link
	process *exec.Cmd
	copies  sync.WaitGroup // of the program's output
	live    []*os.File     // the read ends of the program's output
	killed  sync.Once
	gone    chan struct{} // closed when a kill no longer waits for a slow reader
}

// Start takes the attempt's lease and starts its supervisor: in a session of
// its own, so that a terminal's Ctrl-C does not reach it. It writes down what
// was asked. An error means that nothing was left behind.
func (a *Attempts) Start(s Supervisor, streams sandbox.Streams) (sandbox.Running, error) {
	if s.Ahead != nil {
		defer s.Ahead.Drop() // unless it has the attempt
	}
	if err := writeSpec(s.Spec); err != nil {
		return nil, err
	}
	failpoint.At(failpoint.SpecRecorded)
	lease, err := a.Leases.Take(s.Spec, s.Base, a.Sandbox)
	if err != nil {
		return nil, err
	}
	failpoint.At(failpoint.LeaseTaken)
	defer lease.Close() // the supervisor has its own copy of the lock
	r, err := a.start(s, streams, lease)
	if err != nil {
		return nil, errors.Join(err, a.Leases.Remove(Name(s.Spec)))
	}
	return r, nil
}

// writeSpec keeps what was asked beside the attempt, without the values of
// the environment: they may be secrets.
func writeSpec(spec sandbox.Spec) error {
	spec.Env = namesOnly(spec.Env)
	data, err := json.MarshalIndent(spec, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(spec.Dir, wire.SpecFile), append(data, '\n'), 0o600)
}

func (a *Attempts) start(s Supervisor, streams sandbox.Streams, lease *os.File) (*running, error) {
	r := &running{link: newLink(a, s.Spec), gone: make(chan struct{})}
	stdio, after, err := r.stdio(streams)
	if err != nil {
		return nil, err
	}
	ownLog, err := os.OpenFile(filepath.Join(s.Spec.Dir, wire.OwnLogFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		closeAll(stdio)
		after(false)
		return nil, err
	}
	defer ownLog.Close()
	if s.Ahead != nil {
		err = r.take(s.Ahead, append(append([]*os.File{ownLog}, stdio...), lease))
	} else {
		err = r.spawn(s, ownLog, append(stdio, lease))
	}
	closeAll(stdio)
	if err != nil {
		after(false)
		return nil, fmt.Errorf("start %s: %w%s", a.Program, err, prefixed(": ", r.lastWords()))
	}
	after(true)
	failpoint.At(failpoint.SupervisorStarted)
	go r.follow()
	err = r.send(s.Config)
	failpoint.At(failpoint.ConfigSent)
	return r, err
}

// spawn starts the supervisor with the attempt's files.
func (r *running) spawn(s Supervisor, ownLog *os.File, files []*os.File) error {
	ours, theirs, err := SocketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	r.control = ours
	r.process = &exec.Cmd{
		Path:       s.Path,
		Args:       s.Argv,
		Env:        supervisorEnv(s.Env),
		Dir:        "/",
		Stderr:     ownLog,
		ExtraFiles: append([]*os.File{theirs}, files...),
	}
	begin := s.Begin
	if begin == nil {
		begin = func(cmd *exec.Cmd, _, _ *os.File) error {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			return cmd.Start()
		}
	}
	if err := begin(r.process, ours, theirs); err != nil {
		ours.Close()
		return err
	}
	return nil
}

// supervisorEnv is the environment of a supervisor that needs so much of it.
func supervisorEnv(env []string) []string {
	return append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, slices.Concat(env, failpoint.Env())...)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// SocketPair makes the two ends of a supervisor's socket.
func SocketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
}

// follow passes the supervisor's reports on and settles the outcome at its end.
func (r *running) follow() {
	r.listen()
	r.copied()
	_ = r.process.Wait()
	r.hangUp()
	close(r.events)
	state := r.process.ProcessState
	if r.fatal == "" && state != nil && state.ExitCode() == wire.FailedExit && !r.begun() {
		// One of another release, which says so in its own log only.
		r.fatal = strings.TrimPrefix(r.lastWords(), r.a.Program+": ")
	}
	r.settle(state.String(), func() error {
		return r.a.Clean(r.name, Lease{Dir: r.dir})
	})
	r.a.Cleaned()
	close(r.done)
}

// copied waits for the output to be passed on, unless the attempt was killed
// and its reader does not read: the log has it.
func (r *running) copied() {
	all := make(chan struct{})
	go func() { r.copies.Wait(); close(all) }()
	select {
	case <-all:
	case <-r.gone:
	}
}

// killPatience is how long a killed attempt's output is still passed on to a
// reader that has stopped reading.
const killPatience = time.Second

// Stop implements sandbox.Running.
func (r *running) Stop(reason sandbox.StopReason, grace time.Duration) {
	if grace <= 0 {
		r.killed.Do(func() {
			time.AfterFunc(killPatience, func() {
				close(r.gone)
				closeAll(r.live) // the supervisor sees it and stops waiting, too
			})
		})
	}
	r.link.Stop(reason, grace)
}

// stdio makes the three pipes between the program's streams and ours. after
// starts moving the bytes, or drops the pipes.
func (r *running) stdio(streams sandbox.Streams) (theirs []*os.File, after func(started bool), err error) {
	var ours []*os.File
	fail := func(err error) ([]*os.File, func(bool), error) {
		closeAll(append(theirs, ours...))
		return nil, nil, err
	}
	if streams.Stdin == nil {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return fail(err)
		}
		theirs, ours = append(theirs, null), append(ours, nil)
	} else {
		rd, wr, err := os.Pipe()
		if err != nil {
			return fail(err)
		}
		theirs, ours = append(theirs, rd), append(ours, wr)
	}
	for range 2 {
		rd, wr, err := os.Pipe()
		if err != nil {
			return fail(err)
		}
		theirs, ours = append(theirs, wr), append(ours, rd)
	}
	return theirs, func(started bool) {
		if !started {
			closeAll(ours)
			return
		}
		if in := ours[0]; in != nil {
			// Nobody waits for this one: a reader of a terminal cannot be
			// woken. It ends with the reader's next byte or end.
			go func() {
				_, _ = io.Copy(in, streams.Stdin)
				in.Close()
			}()
		}
		r.live = ours[1:]
		r.copy(streams.Stdout, ours[1])
		r.copy(streams.Stderr, ours[2])
	}, nil
}

// copy moves one stream to the caller. When the caller's writer fails, the
// rest is read and dropped: it is in the log, and the program must not block.
func (r *running) copy(to io.Writer, from *os.File) {
	r.copies.Go(func() {
		defer from.Close()
		if to == nil {
			to = io.Discard
		}
		if _, err := io.Copy(to, from); err != nil {
			_, _ = io.Copy(io.Discard, from)
		}
	})
}

// namesOnly keeps the names of environment variables.
func namesOnly(env []string) []string {
	names := make([]string, len(env))
	for i, e := range env {
		names[i], _, _ = strings.Cut(e, "=")
	}
	return names
}
