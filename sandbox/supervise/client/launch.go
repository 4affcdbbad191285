// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// running is an attempt whose supervisor was started by this process.
type running struct {
	s      *Sandbox
	config *shimapi.Config
	shim   *exec.Cmd
	events chan sandbox.Event
	copies sync.WaitGroup // of the program's output
	live   []*os.File     // the read ends of the program's output
	killed sync.Once
	gone   chan struct{} // closed when a kill no longer waits for a slow reader
	done   chan struct{} // closed when outcome and err are set

	mu      sync.Mutex // guards control's writes
	control *os.File
	fatal   string

	reported *sandbox.Outcome // as the shim sent it

	outcome sandbox.Outcome
	err     error
}

// eventBacklog is how many events wait for the caller.
const eventBacklog = 64

// launch starts the supervisor in a session and a mount namespace of its own:
// a terminal's Ctrl-C does not reach it, and its mounts vanish with it.
func (s *Sandbox) launch(plan *shimapi.Config, streams sandbox.Streams, lease *os.File) (*running, error) {
	defer lease.Close() // the shim has its own copy of the lock
	r := &running{s: s, config: plan, events: make(chan sandbox.Event, eventBacklog), gone: make(chan struct{}), done: make(chan struct{})}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	stdio, after, err := r.stdio(streams)
	if err != nil {
		ours.Close()
		return nil, err
	}
	shimLog, err := os.OpenFile(filepath.Join(plan.Drydock.Dir, shimapi.ShimLogFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		ours.Close()
		closeAll(stdio)
		return nil, err
	}
	defer shimLog.Close()
	r.control = ours
	r.shim = &exec.Cmd{
		Path:       s.shim,
		Args:       []string{"drydock-shim", plan.Drydock.ID},
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Dir:        "/",
		Stderr:     shimLog,
		ExtraFiles: append([]*os.File{theirs}, append(stdio, lease)...),
	}
	if scopeOf(s.hierarchy.Base) != "" && s.ids == nil {
		err = s.startInScope(r.shim)
	} else {
		err = startShim(r.shim, s.ids, ours, theirs)
	}
	closeAll(stdio)
	if err != nil {
		ours.Close()
		after(false)
		return nil, fmt.Errorf("start drydock-shim: %w%s", err, lastWords(plan.Drydock.Dir))
	}
	after(true)
	go r.follow()
	return r, r.send(plan)
}

// startShim starts a shim in a session and a mount namespace of its own; with
// ids, in a user namespace that has them. control are the two ends of its
// socket.
func startShim(shim *exec.Cmd, ids *idMap, ours, theirs *os.File) error {
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if ids == nil {
		shim.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS // Go makes it private
		return shim.Start()
	}
	shim.Env = append(shim.Env, shimapi.UserNamespace+"=1")
	if err := shim.Start(); err != nil {
		return err
	}
	theirs.Close() // so that its end is seen
	err := ids.admit(shim.Process.Pid, ours)
	if err != nil {
		_ = shim.Process.Kill()
		_ = shim.Wait()
	}
	return err
}

// asShim runs one of the shim's small jobs in the user namespace.
func asShim(shim string, ids *idMap, args ...string) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	defer theirs.Close()
	var said strings.Builder
	cmd := &exec.Cmd{Path: shim, Args: append([]string{"drydock-shim"}, args...), Dir: "/", Stderr: &said, ExtraFiles: []*os.File{theirs}}
	if err = startShim(cmd, ids, ours, theirs); err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s in a user namespace: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
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

// send writes one line to the shim.
func (r *running) send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err = r.control.Write(append(line, '\n'))
	if errors.Is(err, unix.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil // it has ended; Wait tells how
	}
	return err
}

// follow passes the shim's reports on and settles the outcome at its end.
func (r *running) follow() {
	decoder := json.NewDecoder(r.control)
	for {
		var report shimapi.Report
		if err := decoder.Decode(&report); err != nil {
			break
		}
		if report.Event != nil {
			r.events <- *report.Event
		}
		if report.Outcome != nil {
			r.reported = report.Outcome
		}
		if report.Fatal != "" {
			r.fatal = report.Fatal
		}
	}
	r.copied()
	_ = r.shim.Wait()
	r.mu.Lock()
	r.control.Close()
	r.mu.Unlock()
	close(r.events)
	r.outcome, r.err = r.readOutcome()
	r.s.cleaned()
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

// readOutcome reads the facts, or cleans up after a shim that left none.
func (r *running) readOutcome() (sandbox.Outcome, error) {
	section := &r.config.Drydock
	outcome, err := ReadOutcome(section.Dir)
	if err == nil && r.fatal == "" {
		return outcome, nil
	}
	cleanErr := r.s.cleaner().cleanAttempt(section.Cgroup, section.Dir, "")
	if r.reported != nil { // its file could not be written
		return *r.reported, cleanErr
	}
	return outcome, errors.Join(lostOutcome(section.Dir, r.fatal, r.shim.ProcessState.String(), err), cleanErr)
}

// lostOutcome is why there is no outcome to read, when reading it gave err.
func lostOutcome(dir, fatal, end string, err error) error {
	switch {
	case fatal != "":
		return fmt.Errorf("drydock-shim: %s", fatal)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w (%s%s)", sandbox.ErrNoOutcome, end, lastWords(dir))
	}
	return err
}

// lastWords is what the shim wrote to its own log.
func lastWords(dir string) string {
	data, _ := os.ReadFile(filepath.Join(dir, shimapi.ShimLogFile))
	text := strings.TrimSpace(string(data))
	if text == "" {
		return ""
	}
	if line, _, more := strings.Cut(text, "\n"); more {
		text = line
	}
	return ": " + text
}

// killPatience is how long a killed attempt's output is still passed on to a
// reader that has stopped reading.
const killPatience = time.Second

// Events implements sandbox.Running.
func (r *running) Events() <-chan sandbox.Event { return r.events }

// Stop implements sandbox.Running.
func (r *running) Stop(reason sandbox.StopReason, grace time.Duration) {
	if grace <= 0 {
		r.killed.Do(func() {
			time.AfterFunc(killPatience, func() {
				close(r.gone)
				closeAll(r.live) // the shim sees it and stops waiting, too
			})
		})
	}
	_ = r.send(shimapi.Command{Stop: &shimapi.Stop{Reason: reason, Grace: max(0, grace)}})
}

// Resize implements sandbox.Resizer.
func (r *running) Resize(size sandbox.TerminalSize) {
	_ = r.send(shimapi.Command{Resize: &size})
}

// Wait implements sandbox.Running.
func (r *running) Wait() (sandbox.Outcome, error) {
	<-r.done
	return r.outcome, r.err
}
