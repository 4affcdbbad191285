// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"

	"drydock/sandbox/native/shimapi"
)

// #cgo CFLAGS: -D_GNU_SOURCE -O2 -Wall
import "C" // stage.c

// The stage is a step between the runtime's init and the program: the shim
// once more, for a moment and before Go's runtime starts (stage.c). It does
// what the runtime cannot:
//
//   - arguments and environment stay the bytes they are; the runtime hands
//     them to its init as JSON text and would replace what is not UTF-8;
//   - a seccomp filter that was compiled before (filter.go) is installed as it
//     is; compiling it takes the runtime longer than all of its other work;
//   - why an execve failed arrives as a number, and that it was reached at all
//     is known for sure.
//
// libcontainer closes all descriptors but the standard ones and these.
const (
	stageExeFD   = execErrorFD + 1 + iota // the shim's own program
	stageWordsFD                          // what stageWords encodes
	stageErrorFD                          // as execErrorFD, kept for this step
)

// stageName is how the container's init finds the stage.
const stageName = "/proc/self/fd/4"

// stageWords encodes what the stage reads: whether to give huge pages back to
// the program (hugepages.go), the filter's length and code, then the arguments
// and the environment, each with its count.
func stageWords(filter []byte, args, env [][]byte) []byte {
	var b bytes.Buffer
	number := func(n int) { b.Write(binary.NativeEndian.AppendUint32(nil, uint32(n))) }
	number(map[bool]int{true: 1}[noHugePages])
	number(len(filter) / bpfInstruction)
	b.Write(filter)
	for _, words := range [][][]byte{args, env} {
		number(len(words))
		for _, w := range words {
			b.Write(w)
			b.WriteByte(0)
		}
	}
	return b.Bytes()
}

// useStage makes p start with the stage. The returned files must stay open
// until the container was started.
func useStage(p *libcontainer.Process, dir string, filter []byte, raw *shimapi.RawProcess, execError *os.File) ([]*os.File, error) {
	args, env := toBytes(p.Args), toBytes(p.Env)
	if raw != nil {
		args, env = raw.Args, raw.Env
	}
	// A sealed clone, as the runtime takes for its own init: nobody inside may
	// reach the program itself (CVE-2019-5736).
	exe, err := exeseal.CloneSelfExe(dir)
	if err != nil {
		return nil, err
	}
	words, err := memoryFile("words", stageWords(filter, args, env))
	if err != nil {
		exe.Close()
		return nil, err
	}
	// The environment goes with the words only: the shim must not meet it.
	p.Args, p.Env = []string{stageName}, nil
	p.ExtraFiles = append(p.ExtraFiles, exe, words, execError)
	return []*os.File{exe, words}, nil
}

func toBytes(words []string) [][]byte {
	list := make([][]byte, len(words))
	for i, w := range words {
		list[i] = []byte(w)
	}
	return list
}

// memoryFile is a file that lies nowhere on disk; its reader cannot change it.
func memoryFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	_, err = f.Write(content)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
