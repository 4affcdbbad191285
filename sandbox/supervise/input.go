// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"drydock/sandbox/supervise/wire"
)

// Input is the way to the program's standard input, for the one who started
// the attempt and for those who follow it. Its methods are safe for concurrent
// use.
type Input struct {
	tell  func(wire.Report)
	known chan struct{} // closed when it is known whether there is any

	mu sync.Mutex     // guards what follows; held while a program does not read
	to io.WriteCloser // nil: closed, or none
}

func newInput(tell func(wire.Report)) *Input {
	return &Input{tell: tell, known: make(chan struct{})}
}

// HasStdin reports whether the program's stdin is anything but /dev/null.
func HasStdin() bool {
	var st unix.Stat_t
	null := unix.Fstat(wire.StdinFD, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
	return !null
}

// Feed begins to pass from, the starter's pipe, on to the program, and then
// what followers send. The end of from is the program's end of input, unless
// it has a terminal: that stays, for those who come later.
func (in *Input) Feed(from *os.File, to io.WriteCloser, terminal bool) {
	in.mu.Lock()
	in.to = to
	in.mu.Unlock()
	in.tell(wire.Report{Input: &wire.InputState{Open: true}})
	close(in.known)
	go func() { // ends with from, or with the program
		defer from.Close()
		_, err := io.Copy(writerTo(in.write), from)
		if err != nil || !terminal {
			in.end(inputEnded)
		}
	}()
}

// Why there is no input to be had.
const (
	inputNone  = "it was started without one"
	inputEnded = "it has ended"
)

// None says that the program has no input but the empty one.
func (in *Input) None() {
	in.tell(wire.Report{Input: &wire.InputState{Why: inputNone}})
	close(in.known)
}

// follow passes on what a follower sent. It waits until the program takes it,
// and drops it when nobody does.
func (in *Input) follow(data []byte) {
	<-in.known
	if _, err := in.write(data); err != nil {
		in.end(inputEnded)
	}
}

func (in *Input) write(data []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.to == nil {
		return 0, os.ErrClosed
	}
	return in.to.Write(data)
}

// end closes the program's input, once. Who comes when the program has seen the
// end is told of it first.
func (in *Input) end(why string) {
	in.mu.Lock()
	to := in.to
	in.to = nil
	in.mu.Unlock()
	if to != nil {
		in.tell(wire.Report{Input: &wire.InputState{Why: why}})
		_ = to.Close()
	}
}

// writerTo is a function as an io.Writer.
type writerTo func([]byte) (int, error)

func (f writerTo) Write(p []byte) (int, error) { return f(p) }
