// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"github.com/opencontainers/runc/libcontainer/seccomp"
	"github.com/opencontainers/runc/libcontainer/specconv"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"drydock/sandbox/native/shimapi"
)

// A seccomp profile is the same for task after task, and the runtime compiles
// it anew for each. The first attempt on a machine is filtered that way; then
// the shim keeps the compiled filter beside the state, exactly as the runtime
// loaded it: a child loads it the runtime's own way, and the kernel is asked
// for it (ptrace(2), PTRACE_SECCOMP_GET_FILTER). Where that is not to be had,
// every attempt is filtered the runtime's way.

// bpfInstruction is the size of a struct sock_filter.
const bpfInstruction = 8

// filterFile names the cached filter of a profile. The kernel and this very
// program are part of the name: both decide what a profile compiles to.
func filterFile(dir string, profile *specs.LinuxSeccomp) (string, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", err
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(profile)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, unix.ByteSliceToString(uts.Release[:]), self.Size(), self.ModTime().UnixNano())
	h.Write(text)
	return filepath.Join(dir, "seccomp-"+hex.EncodeToString(h.Sum(nil)[:16])+".bpf"), nil
}

// cachedFilter returns the compiled filter of this attempt's profile, if it is
// kept. Without no-new-privileges the runtime must install it: the stage has
// no right to.
func cachedFilter(section *shimapi.Section, profile *specs.LinuxSeccomp, noNewPrivileges bool) []byte {
	if section.CacheDir == "" || profile == nil || !noNewPrivileges {
		return nil
	}
	path, err := filterFile(section.CacheDir, profile)
	if err != nil {
		return nil
	}
	return loadFilter(path)
}

// keepFilter compiles the profile for the attempts to come while this one
// runs, unless that was done before. The function it returns waits for it; a
// failure costs the next attempts some milliseconds and nothing else.
func (a *attempt) keepFilter() (wait func()) {
	section, profile := &a.config.Drydock, a.config.OCI.Linux.Seccomp
	if a.box == nil || a.box.filter != nil || section.CacheDir == "" || profile == nil {
		return func() {}
	}
	path, err := filterFile(section.CacheDir, profile)
	if err != nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if code, err := compileFilter(profile); err == nil {
			_ = storeFilter(path, code)
		}
	}()
	return func() { <-done }
}

// loadFilter reads a cached filter; nil when there is none that is whole.
func loadFilter(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil || len(data) <= sha256.Size {
		return nil
	}
	code, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(code); !bytes.Equal(sum, want[:]) || len(code)%bpfInstruction != 0 {
		return nil
	}
	return code
}

// storeFilter writes a filter for the attempts to come.
func storeFilter(path string, code []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(code)
	_, err = f.Write(append(bytes.Clone(code), sum[:]...))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// compileArg is how the shim tells itself to be the child that loads a filter.
const compileArg = "load-filter"

// loadFilterChild loads the profile on standard input the runtime's way, says
// so, and waits to be looked at.
func loadFilterChild() {
	var profile specs.LinuxSeccomp
	err := json.NewDecoder(os.Stdin).Decode(&profile)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if err == nil {
		config, convErr := specconv.SetupSeccomp(&profile)
		if err = convErr; err == nil {
			_, err = seccomp.InitSeccomp(config)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write([]byte{'!'})
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// compileFilter compiles a profile in a child.
func compileFilter(profile *specs.LinuxSeccomp) ([]byte, error) {
	runtime.LockOSThread() // ptrace speaks to the thread that attached
	defer runtime.UnlockOSThread()
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	child, err := os.StartProcess("/proc/self/exe", []string{"drydock-shim", compileArg}, &os.ProcAttr{Files: []*os.File{theirIn, theirOut, os.Stderr}})
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = child.Kill()
		_, _ = child.Wait()
	}()
	if _, err := in.Write(encodeLine(profile)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		return nil, fmt.Errorf("load the filter in a child: %w", err)
	}
	return readFilter(child.Pid)
}

// readFilter asks the kernel for the filter of another process.
func readFilter(pid int) ([]byte, error) {
	if err := unix.PtraceSeize(pid); err != nil {
		return nil, os.NewSyscallError("ptrace seize", err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		return nil, os.NewSyscallError("ptrace interrupt", err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil || !status.Stopped() {
		return nil, fmt.Errorf("wait for the child to stop: %w", err)
	}
	n, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), 0, 0, 0, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("ptrace get filter", errno)
	}
	code := make([]byte, int(n)*bpfInstruction)
	if len(code) == 0 {
		return nil, errors.New("the child has an empty filter")
	}
	_, _, errno = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), 0, uintptr(unsafe.Pointer(&code[0])), 0, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("ptrace get filter", errno)
	}
	return code, nil
}
