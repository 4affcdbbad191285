// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
)

// engineAway is how long an engine that does not answer is waited for, when it
// alone can tell whether the container runs. Where the kernel follows the main
// process, too, it has time until the end: the engine of a week's task may be
// updated meanwhile, and it alone may know the exit code then.
const engineAway = 5 * time.Minute

// errRemoved is why a container's end is not known: somebody took it away.
var errRemoved = errors.New("the container was removed by somebody else")

// await waits for the engine to say that the container has ended. An engine
// that goes away is asked again when it is back.
func (b *box) await() {
	away, missed := time.Time{}, false
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		exit, err := b.run.Wait(b.ctx, b.id)
		switch kind := engine.KindOf(err); {
		case err == nil:
			b.settle(&exit, nil)
			return
		case kind == engine.NotFound && missed:
			b.settle(nil, errRemoved)
			return
		case kind == engine.NotFound: // one that has just come back may not know it yet
			missed = true
		case kind == engine.Cancelled || b.ctx.Err() != nil:
			return
		default:
			if away.IsZero() {
				away = time.Now()
			}
			if time.Since(away) > engineAway && b.process() == nil {
				b.settle(nil, err)
				return
			}
		}
		if !b.rest(pause) {
			return
		}
		if _, err := b.run.Inspect(b.ctx, b.id); err == nil {
			away, pause = time.Time{}, 50*time.Millisecond
		}
	}
}

// settle notes what the engine said of the end. Where the kernel follows the
// main process it has the better word on when that is.
func (b *box) settle(exit *engine.Exit, gone error) {
	b.mu.Lock()
	b.exit, b.gone = exit, gone
	followed := b.main != nil
	b.mu.Unlock()
	if !followed {
		b.ended()
	}
}

// codePatience is how long the engine may take to tell what the kernel does not
// tell: the exit code, or whether there was an OOM. A busy one may hear late of an
// end that the kernel has told us of.
const codePatience = 30 * time.Second

// Reap implements supervise.Box.
func (b *box) Reap() *sandbox.Exit {
	if p := b.process(); p != nil {
		if exit := p.exit(); exit != nil {
			return exit
		}
	}
	for deadline := time.Now().Add(codePatience); ; time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		exit, gone := b.exit, b.gone
		b.mu.Unlock()
		if exit != nil {
			return exitByCode(exit.Code)
		}
		if gone != nil || time.Now().After(deadline) {
			return nil
		}
	}
}

// Unknown says why Reap knew nothing.
func (b *box) Unknown() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone != nil {
		return oneLine(b.gone.Error())
	}
	return "the engine did not tell"
}

// fatal are the signals that commonly end programs.
var fatal = []unix.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE,
	unix.SIGKILL, unix.SIGSEGV, unix.SIGPIPE, unix.SIGTERM, unix.SIGSYS, unix.SIGXCPU,
}

// exitByCode is an exit of which only the engine's code is known. 128+n is
// taken for signal n, though a shell that saw it happen to a child, or a
// program that means something else, ends with the same.
func exitByCode(code int) *sandbox.Exit {
	exit := &sandbox.Exit{Code: code}
	if sig := unix.Signal(code - 128); slices.Contains(fatal, sig) {
		exit.Signal = unix.SignalName(sig)
	}
	return exit
}
