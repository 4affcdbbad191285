// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultLimit is how long the driver may take to answer. Opening a GPU that
// sleeps takes a second or two.
const DefaultLimit = 5 * time.Second

// mostAnswer bounds what is read of an answer.
const mostAnswer = 4 << 20

// errSilent says that a command did not answer within its time.
var errSilent = errors.New("no answer")

// kept counts our processes that were killed and that the kernel does not let
// go, as those that wait for a lost GPU. Beyond mostKept no more are started
// until one ends: who looks again and again would fill the machine with them.
var kept atomic.Int32

const mostKept = 2

// leave lets go of a process that was killed and has not ended.
func leave(ended <-chan error) {
	kept.Add(1)
	go func() { // ends when the kernel lets the process go
		<-ended
		kept.Add(-1)
	}()
}

// ask runs a command and returns its standard output. It comes back within
// the limit, whatever the command does: one that waits in the kernel for a
// lost GPU cannot be killed, and is left behind until the kernel lets it go.
func ask(ctx context.Context, limit time.Duration, argv ...string) ([]byte, error) {
	if kept.Load() >= mostKept {
		return nil, errSilent
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = lazily(os.Environ())
	var out, errs clipped
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // for what holds the pipes open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		state := cmd.ProcessState // nil where somebody else has reaped it
		if err = came(err, state != nil && state.Success(), ctx.Err() != nil); err != nil && !errors.Is(err, errSilent) {
			err = said(err, errs.Bytes())
		}
		return out.Bytes(), err
	case <-time.After(limit + 2*cmd.WaitDelay):
		leave(done)
		return nil, errSilent
	}
}

// came is what kept a command from answering, when it has ended: err is Wait's,
// and late says that its time is over. One that had answered before it was
// killed has: it is this process that was held up.
func came(err error, success, late bool) error {
	switch {
	case err == nil, late && success && !errors.Is(err, exec.ErrWaitDelay):
		return nil
	case late:
		return errSilent
	}
	return err
}

// lazily is an environment in which go-nvml's unresolved functions do not
// end the process at once.
func lazily(environ []string) []string {
	var env []string
	for _, pair := range environ {
		if !strings.HasPrefix(pair, "LD_BIND_NOW=") {
			env = append(env, pair)
		}
	}
	return env
}

// said joins how a command ended with the last line it wrote.
func said(err error, stderr []byte) error {
	lines := strings.Split(strings.TrimSpace(string(stderr)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// clipped keeps the first bytes of what is written.
type clipped struct{ bytes.Buffer }

func (c *clipped) Write(p []byte) (int, error) {
	if room := mostAnswer - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
