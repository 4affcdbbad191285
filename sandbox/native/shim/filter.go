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
// it anew for each. The shim keeps the compiled filter beside the state,
// exactly as the runtime would load it: a child loads it the runtime's own
// way, and the kernel is asked for it (ptrace(2), PTRACE_SECCOMP_GET_FILTER).
// Where that is not to be had, every attempt is filtered the runtime's way.

// bpfInstruction is the size of a struct sock_filter.
const bpfInstruction = 8

// filterFile names the cached filter of a profile. The kernel and this very
// program are part of the name: both decide what a profile compiles to.
func filterFile(dir string, profile *specs.LinuxSeccomp) (string, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", err
	}
	build, err := buildID()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(profile)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Version[:]))
	h.Write(build)
	h.Write(text)
	return filepath.Join(dir, "seccomp-"+hex.EncodeToString(h.Sum(nil)[:16])+".bpf"), nil
}

// filterFor returns the compiled filter of an attempt's profile; nil means that
// the runtime must do it. Without no-new-privileges only the runtime has the
// right to install one, and in a user namespace nobody may ask for another's.
func filterFor(section *shimapi.Section, profile *specs.LinuxSeccomp, noNewPrivileges bool) []byte {
	if profile == nil || !noNewPrivileges || section.Rootfs.UserNamespace {
		return nil
	}
	path, err := filterFile(section.CacheDir, profile)
	if err != nil {
		return nil
	}
	if code := loadFilter(path); code != nil {
		return code
	}
	code, err := compileFilter(profile)
	if err != nil {
		return nil
	}
	if section.CacheDir != "" {
		_ = storeFilter(path, code) // the next attempt compiles it again
	}
	return code
}

// buildID is the beginning of this program, where its ELF notes lie: Go's
// build id among them.
func buildID() ([]byte, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 4<<10)
	_, err = io.ReadFull(f, head)
	return head, err
}

// maxFilter is above any filter that the kernel takes (BPF_MAXINSNS).
const maxFilter = 4096*bpfInstruction + sha256.Size

// loadFilter reads a cached filter; nil when there is none that is whole and
// that nobody but us can have written.
func loadFilter(path string) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if !ownAlone(f) || !ownAloneDir(filepath.Dir(path)) {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFilter+1))
	if err != nil || len(data) <= sha256.Size || len(data) > maxFilter {
		return nil
	}
	code, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(code); !bytes.Equal(sum, want[:]) || len(code)%bpfInstruction != 0 {
		return nil
	}
	return code
}

// ownAlone reports whether f belongs to us and nobody else may write it.
func ownAlone(f *os.File) bool {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return err == nil && st.Uid == uint32(os.Geteuid()) && st.Mode&0o022 == 0
}

func ownAloneDir(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return ownAlone(f)
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
	if err := json.NewEncoder(in).Encode(profile); err != nil {
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
