// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"drydock/sandbox/native/shimapi"
)

// Arguments and environment are bytes to the kernel, but the runtime hands
// them to its init as JSON text and would replace what is not UTF-8. Such a
// command goes a step further: the container's program is first the shim
// itself, which reads the bytes from a sealed memory file and executes them.

// Extra descriptors of that step, after execErrorFD.
const (
	rawExeFD   = execErrorFD + 1 + iota // the shim's own program
	rawFD                               // the words
	rawErrorFD                          // as execErrorFD, kept for this step
)

var rawExe = fmt.Sprintf("/proc/self/fd/%d", rawExeFD)

// isRawExec recognises the step. It is called in package init.
func isRawExec() bool { return len(os.Args) == 1 && os.Args[0] == rawExe }

// rawExec becomes the program. It never returns.
func rawExec() {
	for fd := execErrorFD; fd <= rawErrorFD; fd++ {
		unix.CloseOnExec(fd)
	}
	err := execRaw(os.NewFile(rawFD, "words"))
	fmt.Fprintln(os.NewFile(rawErrorFD, "exec-error"), err)
	os.Exit(255)
}

func execRaw(f *os.File) error {
	var raw shimapi.RawProcess
	data, err := io.ReadAll(f)
	if err == nil {
		err = json.Unmarshal(data, &raw)
	}
	if err != nil {
		return err
	}
	args, env := toStrings(raw.Args), toStrings(raw.Env)
	home := false
	for _, pair := range env {
		home = home || strings.HasPrefix(pair, "HOME=")
	}
	if !home { // the runtime's own rule: never without one
		env = append(env, "HOME="+os.Getenv("HOME"))
	}
	name, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	return &os.PathError{Op: "exec", Path: name, Err: unix.Exec(name, args, env)}
}

func toStrings(words [][]byte) []string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return texts
}

// useRaw makes p start with the step above. The returned files must stay open
// until the container was started.
func useRaw(p *libcontainer.Process, raw *shimapi.RawProcess, execError *os.File) ([]*os.File, error) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("words", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	words := os.NewFile(uintptr(fd), "words")
	if _, err := words.Write(encodeLine(raw)); err != nil {
		return nil, err
	}
	if _, err := words.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	p.Args = []string{rawExe}
	p.ExtraFiles = append(p.ExtraFiles, exe, words, execError)
	return []*os.File{exe, words}, nil
}
