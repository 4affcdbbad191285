// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"drydock/gpu"
)

// mostLook bounds one line of a reader's: a GPU has some dozens of processes.
const mostLook = 1 << 20

// child has a process of its own look until ctx ends, and tells what it says.
// It comes back soon after ctx, whatever that process does. The error is why
// it ended before; errSilent: it said nothing for too long, and was killed.
//
// The process lives as long as its standard input, which is ours to keep
// open: it ends with us, also by a SIGKILL.
func (w *watch) child(ctx context.Context) error {
	if kept.Load() >= mostKept {
		return errSilent
	}
	argv := append(append(slices.Clone(w.Reader), WatchArg, w.every.String()), texts(w.ids)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = lazily(os.Environ())
	var errs clipped
	cmd.Stderr = &errs
	cmd.WaitDelay = time.Second // for what holds the pipes open
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := make(chan gpu.Look)
	read := make(chan error, 1)
	quit := make(chan struct{})
	go func() { read <- readLooks(stdout, lines, quit) }() // ends with stdout, or quit

	why := w.pass(ctx, lines, read, stdin)
	close(quit)
	byItself := errors.Is(why, errEnded)
	if why != nil && !byItself {
		_ = cmd.Process.Kill() // it may have ended meanwhile
	}
	_ = stdin.Close() // again, where pass did
	_ = stdout.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // as long as the kernel keeps it
	select {
	case err := <-ended:
		if byItself && err != nil {
			why = said(err, errs.Bytes())
		}
	case <-time.After(2 * cmd.WaitDelay):
		_ = cmd.Process.Kill()
		leave(ended)
	}
	return why
}

// moment is how long a line that has come takes to be read.
const moment = 100 * time.Millisecond

// errEnded says that a reader went away unasked.
var errEnded = errors.New("its reader ended by itself")

// pass tells looks until the reader has ended, which it is asked to when ctx
// does.
func (w *watch) pass(ctx context.Context, lines <-chan gpu.Look, read <-chan error, stdin io.Closer) error {
	patience := time.NewTimer(w.Limit + w.every)
	defer patience.Stop()
	asked, late := ctx.Done(), false
	for {
		select {
		case l := <-lines:
			w.tell(l)
			late = false
			if asked != nil {
				patience.Reset(w.Limit + w.every)
			}
		case err := <-read:
			if err == nil && ctx.Err() == nil {
				err = errEnded
			}
			return err
		case <-asked:
			asked = nil
			_ = stdin.Close()
			patience.Reset(min(w.Limit, lastLooks))
		case <-patience.C:
			if !late { // what came while this process was held up is still to be read
				late = true
				patience.Reset(moment)
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errSilent
		}
	}
}

// readLooks reads lines until there are no more.
func readLooks(r io.Reader, lines chan<- gpu.Look, quit <-chan struct{}) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, mostLook)
	for scan.Scan() {
		var l gpu.Look
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			return fmt.Errorf("it answers what cannot be read: %w", err)
		}
		select {
		case lines <- l:
		case <-quit:
			return nil
		}
	}
	return scan.Err()
}
