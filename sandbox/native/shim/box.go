// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/opencontainers/cgroups/devices" // without it device rules are refused
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runc/libcontainer/utils"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise"
)

// box is the container of the attempt.
type box struct {
	container *libcontainer.Container
	process   *libcontainer.Process
	tty       bool
	master    *os.File // of the terminal, with tty
	pid       int      // of the main process on the host
	execError *os.File // read end; see execErrorFD
	raw       *shimapi.RawProcess
	filter    []byte // compiled before; nil: the runtime compiles it
	dir       string // of the runtime's own files
	reaped    bool
}

// createBox makes the container's record; nothing runs yet.
func createBox(config *shimapi.Config, group *cgroup.Group) (*box, error) {
	section := &config.Drydock
	oci := config.OCI
	oci.Linux.CgroupsPath = group.RuntimePath()
	if m := oci.Linux.Resources.Memory; m != nil && m.Limit != nil {
		limit := group.RuntimeMemory(*m.Limit)
		m.Limit = &limit
		if m.Swap != nil {
			m.Swap = &limit
		}
	}
	filter := filterFor(section, oci.Linux.Seccomp, oci.Process.NoNewPrivileges)
	if filter != nil {
		linux := *oci.Linux
		linux.Seccomp = nil // the stage installs it
		oci.Linux = &linux
	}
	cc, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{
		CgroupName:   section.ID,
		Spec:         &oci,
		NoNewKeyring: false,
	})
	if err != nil {
		return nil, err
	}
	container, err := libcontainer.Create(filepath.Join(section.Dir, "runtime"), section.ID, cc)
	if err != nil {
		return nil, err
	}
	return &box{container: container, process: newProcess(oci.Process), tty: oci.Process.Terminal, raw: section.Raw, filter: filter, dir: section.Dir}, nil
}

// rlimitTypes are the limits that package native sets.
var rlimitTypes = map[string]int{"RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE}

func newProcess(p *specs.Process) *libcontainer.Process {
	process := &libcontainer.Process{
		Args: p.Args,
		Env:  p.Env,
		UID:  int(p.User.UID),
		GID:  int(p.User.GID),
		Cwd:  p.Cwd,
		Init: true,
	}
	for _, gid := range p.User.AdditionalGids {
		process.AdditionalGroups = append(process.AdditionalGroups, int(gid))
	}
	for _, l := range p.Rlimits {
		if resource, ok := rlimitTypes[l.Type]; ok {
			process.Rlimits = append(process.Rlimits, configs.Rlimit{Type: resource, Soft: l.Soft, Hard: l.Hard})
		}
	}
	if p.ConsoleSize != nil {
		process.ConsoleHeight, process.ConsoleWidth = uint16(p.ConsoleSize.Height), uint16(p.ConsoleSize.Width)
	}
	return process
}

// start runs the container up to the last step before the program's execve:
// cgroup, namespaces and mounts exist, the program does not.
func (b *box) start(out *supervise.Output, in *supervise.Input) error {
	execErrorRead, execErrorWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	b.execError = execErrorRead
	defer execErrorWrite.Close()
	b.process.ExtraFiles = []*os.File{execErrorWrite}
	files, err := useStage(b.process, b.dir, b.filter, b.raw, execErrorWrite)
	if err != nil {
		return fmt.Errorf("hand over the arguments: %w", err)
	}
	for _, f := range files {
		defer f.Close()
	}

	stdin, stdout, stderr := out.Streams()
	if b.tty {
		err = b.startTTY(out, in, stdin, stdout, stderr)
	} else {
		err = b.startPipes(out, in, stdin, stdout, stderr)
	}
	if err != nil {
		return err
	}
	b.pid, err = b.process.Pid()
	return err
}

func (b *box) startPipes(out *supervise.Output, in *supervise.Input, stdin, stdout, stderr *os.File) error {
	theirs, ours, err := inputPipe(stdin)
	if err != nil {
		return err
	}
	defer theirs.Close()
	b.process.Stdin = theirs
	for _, s := range []struct {
		name string
		live *os.File
		to   *io.Writer
	}{{"stdout", stdout, &b.process.Stdout}, {"stderr", stderr, &b.process.Stderr}} {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer w.Close()
		*s.to = w
		out.Pump(s.name, r, s.live)
	}
	err = b.container.Start(b.process)
	switch {
	case ours == nil:
		in.None()
	case err != nil:
		ours.Close()
		stdin.Close()
	default:
		in.Feed(stdin, ours, false)
	}
	return err
}

// inputPipe returns what the program reads, and what feeds it: a pipe of its
// own, so that others than the one who started it can. ours is nil when stdin
// is the empty one.
func inputPipe(stdin *os.File) (theirs, ours *os.File, err error) {
	if !supervise.HasStdin() {
		return stdin, nil, nil
	}
	return os.Pipe()
}

func (b *box) startTTY(out *supervise.Output, in *supervise.Input, stdin, stdout, stderr *os.File) error {
	stderr.Close()
	parent, child, err := utils.NewSockPair("console")
	if err != nil {
		return err
	}
	defer parent.Close()
	b.process.ConsoleSocket = child
	err = b.container.Start(b.process)
	child.Close()
	if err != nil {
		stdin.Close()
		stdout.Close()
		return err
	}
	if b.master, err = receiveFile(parent); err != nil {
		return fmt.Errorf("receive the terminal: %w", err)
	}
	// Both directions end with EIO when the last process has gone.
	out.Pump("stdout", b.master, stdout)
	in.Feed(stdin, terminal{b.master}, true)
	return nil
}

// terminal takes input; it is closed by who reads its output.
type terminal struct{ io.Writer }

func (terminal) Close() error { return nil }

// PID implements supervise.Box.
func (b *box) PID() int { return b.pid }

// Resize implements supervise.Box.
func (b *box) Resize(size sandbox.TerminalSize) {
	if b.master != nil {
		_ = unix.IoctlSetWinsize(int(b.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
	}
}

// Exec implements supervise.Box.
func (b *box) Exec() <-chan supervise.ExecResult {
	result := make(chan supervise.ExecResult, 1)
	go func() {
		err := b.container.Exec()
		if err == nil {
			err = b.execOutcome()
		}
		result <- supervise.ExecResult{At: time.Now(), Err: err}
	}()
	return result
}

// execOutcome reads what the stage has to say, until its descriptor closes:
// one byte when it was reached, then nothing or why the execve failed.
func (b *box) execOutcome() error {
	defer b.execError.Close()
	data, _ := io.ReadAll(io.LimitReader(b.execError, 4<<10))
	return parseStage(strings.TrimSpace(string(data)))
}

// execError is a failed execve of the program.
type execError struct {
	errno unix.Errno
	text  string
}

func (e *execError) Error() string { return e.text }

// parseStage reads stage.c's report.
func parseStage(report string) error {
	rest, reached := strings.CutPrefix(report, "!")
	number, text, failed := strings.Cut(rest, " ")
	errno, err := strconv.Atoi(number)
	switch {
	case reached && rest == "":
		return nil
	case failed && err == nil:
		return &execError{errno: unix.Errno(errno), text: text}
	case report == "":
		return errInitKilled
	}
	return errors.New(report) // the runtime's own words, from before the stage
}

// Exited implements supervise.Box. The main process is not reaped yet, so that
// its pid and its name still tell.
func (b *box) Exited() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			err := unix.Waitid(unix.P_PID, b.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return done
}

// Reap implements supervise.Box. Afterwards the main process's pid is anybody's.
func (b *box) Reap() *sandbox.Exit {
	b.reaped = true
	state, _ := b.process.Wait() // a non-zero status is an error, too
	if state == nil {
		return nil
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok {
		return nil
	}
	if status.Signaled() {
		return &sandbox.Exit{Code: 128 + int(status.Signal()), Signal: unix.SignalName(status.Signal())}
	}
	return &sandbox.Exit{Code: status.ExitStatus()}
}

// Signal implements supervise.Box. The pid is surely the main process's own
// until it was reaped.
func (b *box) Signal(sig unix.Signal) {
	if b.pid > 0 && !b.reaped {
		_ = unix.Kill(b.pid, sig)
	}
}

// destroy removes what the runtime made: its state and its cgroups.
func (b *box) destroy() error {
	if !b.reaped {
		b.Signal(unix.SIGKILL)
		if b.pid > 0 {
			b.Reap()
		}
	}
	err := b.container.Destroy()
	if errors.Is(err, libcontainer.ErrNotExist) {
		return nil
	}
	return err
}
