// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/sandbox"
)

// applyTerminal gives the task a terminal as large as drydock's own.
func applyTerminal(w World, o runOptions, _ *config.Settings, t *executor.Task) error {
	if !o.TTY {
		return nil
	}
	if o.JSON {
		return usagef("leave one of them out", "-t draws on a terminal and --json prints lines for programs")
	}
	if !isTerminal(w.Stdin) || !isTerminal(w.Stdout) {
		return usagef("leave -t out", "-t needs a terminal on standard input and output")
	}
	t.TTY = true
	t.Size, _ = terminalSize(w.Stdout.(*os.File))
	return nil
}

func terminalSize(f *os.File) (sandbox.TerminalSize, bool) {
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || cols <= 0 || rows <= 0 || cols >= 1<<16 || rows >= 1<<16 {
		return sandbox.TerminalSize{}, false
	}
	return sandbox.TerminalSize{Rows: uint16(rows), Cols: uint16(cols)}, true
}

// watchSize delivers the terminal's size whenever it changes, until stop.
func watchSize(w World) (sizes <-chan sandbox.TerminalSize, stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	out := make(chan sandbox.TerminalSize)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with quit
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-changed:
			}
			size, ok := terminalSize(w.Stdout.(*os.File))
			if !ok {
				continue
			}
			select {
			case out <- size:
			case <-quit:
				return
			}
		}
	}()
	return out, func() { signal.Stop(changed); close(quit); <-done }
}

// rawTerminal hands every key to the task, Ctrl-C included, until restore.
// setRaw is told when lines need a carriage return.
func rawTerminal(w World, setRaw func(bool)) (restore func(), err error) {
	fd := int(w.Stdin.(*os.File).Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("put the terminal into raw mode: %w", err)
	}
	setRaw(true)
	return func() {
		_ = term.Restore(fd, before)
		setRaw(false)
	}, nil
}
