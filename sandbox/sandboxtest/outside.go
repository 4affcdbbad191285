// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

func isNoOutcome(err error) bool { return errors.Is(err, sandbox.ErrNoOutcome) }

// waiting starts hog in a sandbox, which says "ready" and then reads its input,
// and returns when it does. With goOn the input is at its end.
func (s *suite) waiting(t testing.TB, sb sandbox.Sandbox, spec sandbox.Spec) (a *attempt, goOn func()) {
	t.Helper()
	input, end := io.Pipe()
	goOn = func() { _ = end.Close() }
	t.Cleanup(goOn)
	a, err := s.tryStart(sb, spec, input)
	if err != nil {
		t.Fatal(err)
	}
	a.says(t, "ready")
	return a, goOn
}

// killSupervisor kills the supervisor of the attempt kept in dir: the process
// that listens on the socket there.
func killSupervisor(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A path below a descriptor: the directory's own may be too long.
	conn, err := net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/control.sock", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || peerErr != nil {
		t.Fatal(err, peerErr)
	}
	if peer.Pid <= 1 || int(peer.Pid) == os.Getpid() {
		t.Fatalf("process %d listens there, which is no supervisor", peer.Pid)
	}
	if err := syscall.Kill(int(peer.Pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// memoryCgroup is the memory cgroup directory of a process and the mount that
// it lies in.
func (s *suite) memoryCgroup(t testing.TB, pid int) (root, dir string) {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
		fields := strings.SplitN(line, ":", 3)
		switch {
		case s.CgroupVersion == 2 && fields[1] == "":
			root = "/sys/fs/cgroup"
		case s.CgroupVersion == 1 && fields[1] == "memory":
			root = "/sys/fs/cgroup/memory"
		default:
			continue
		}
		return root, filepath.Join(root, fields[2])
	}
	t.Fatalf("process %d is in no memory cgroup", pid)
	return "", ""
}

// limited are the cgroups of a process that carry its attempt's limit, the
// innermost first: the program's own and the one that drydock owns above it.
func (s *suite) limited(t testing.TB, pid int, limit int64) []string {
	t.Helper()
	root, dir := s.memoryCgroup(t, pid)
	var dirs []string
	for ; dir != root && len(dir) > len(root); dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, s.limitFile()))
		if err != nil {
			continue
		}
		// The inner one may be a page above.
		if got, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64); err == nil && got >= limit && got <= limit+64*kib {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		t.Fatalf("no cgroup of process %d has a limit of %d", pid, limit)
	}
	return dirs
}

func (s *suite) limitFile() string {
	if s.CgroupVersion == 2 {
		return "memory.max"
	}
	return "memory.limit_in_bytes"
}

// lower writes a limit from outside into all cgroups of an attempt.
func (s *suite) lower(dirs []string, limit int64) error {
	for _, dir := range dirs {
		if err := writeFile(filepath.Join(dir, s.limitFile()), fmt.Sprint(limit)); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a kernel file: no creation, and the error of the write.
func writeFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
