// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"drydock/internal/history"
	"drydock/internal/state"
	"drydock/sandbox"
)

// keyboard is standard input, for attempt after attempt. A single goroutine
// reads it, because a terminal's reader cannot be woken.
type keyboard struct {
	chunks chan []byte // closed at the end of input
	detach func()

	mu   sync.Mutex
	rest []byte // of a chunk that was not taken whole; guarded by mu
}

// keyboardChunk is how much is read at once.
const keyboardChunk = 4 << 10

// typeFrom begins to read. keys are what calls detach; none: nothing does.
func typeFrom(in io.Reader, keys []byte, detach func()) *keyboard {
	k := &keyboard{chunks: make(chan []byte), detach: detach}
	go k.read(in, detachKeys{keys: keys}) // ends with in, or with the process
	return k
}

func (k *keyboard) read(in io.Reader, keys detachKeys) {
	defer close(k.chunks)
	for {
		chunk := make([]byte, keyboardChunk)
		n, err := in.Read(chunk)
		on, detached := keys.pass(chunk[:n])
		if len(on) > 0 {
			k.chunks <- on
		}
		if detached {
			k.detach()
			return
		}
		if err != nil {
			return
		}
	}
}

// typist is the keyboard while one attempt may read it.
type typist struct {
	*keyboard
	ctx   context.Context
	asked atomic.Bool // it was read: the program takes input
}

// Read implements io.Reader.
func (t *typist) Read(p []byte) (int, error) {
	t.asked.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) == 0 {
		select {
		case <-t.ctx.Done():
			return 0, io.EOF
		case chunk, ok := <-t.chunks:
			if !ok {
				return 0, io.EOF
			}
			t.rest = chunk
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// typing gives standard input to a task. One goroutine uses it, until end.
type typing struct {
	*desk
	task    history.Task
	keys    []byte                      // that detach from a terminal
	detach  func()                      // what they do
	input   *keyboard                   // nil until an attempt was reached
	sizes   <-chan sandbox.TerminalSize // nil: it has no terminal, or we have none
	restore []func()                    // the terminal as it was
}

// run gives the input to the attempts from number n on, until the input ends,
// the task does or ctx. An error says that the task takes none.
func (y *typing) run(ctx context.Context, n int) error {
	dir, err := state.Open(y.stateDir)
	if err != nil {
		return err
	}
	for ; ; n++ {
		if more, err := y.anotherAttempt(ctx, dir, y.task.ID, n); !more {
			return err
		}
		done, err := y.give(ctx, dir, n)
		if done || err != nil {
			return err
		}
	}
}

// give gives the input to one attempt; done says that there is no more to give.
func (y *typing) give(ctx context.Context, dir *state.Dir, n int) (done bool, err error) {
	for !y.alive(dir.Attempt(y.task.ID, n)) { // an Attach before would say that it never began
		if !y.attemptGoesOn(dir, y.task.ID, n) {
			return false, nil
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
	running, err := y.follow(ctx, dir, n)
	if errors.Is(err, sandbox.ErrNotBegun) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	in, ok := running.(sandbox.Inputter)
	if !ok {
		return false, fmt.Errorf("%w: this sandbox gives it that of drydock run alone", sandbox.ErrNoInput)
	}
	if err := y.begin(dir, n); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	y.resize(ctx, running)
	t := &typist{keyboard: y.input, ctx: ctx}
	err = in.Input(ctx, t)
	switch {
	case !errors.Is(err, sandbox.ErrNoInput):
		return true, err // nil: the input has ended
	case !y.attemptGoesOn(dir, y.task.ID, n):
		return false, nil
	case !t.asked.Load():
		return false, err
	}
	y.tell("%v", err)
	return false, nil
}

// begin begins to read. Where attempt n has a terminal and we have one, every
// key goes to the program, but for those that detach.
func (y *typing) begin(dir *state.Dir, n int) error {
	if y.input != nil {
		return nil
	}
	var keys []byte
	if spec, err := readSpec(dir.Attempt(y.task.ID, n)); err == nil && spec.TTY && isTerminal(y.w.Stdin) {
		restore, err := rawTerminal(y.w, func(bool) {})
		if err != nil {
			return err
		}
		y.restore = append(y.restore, restore)
		keys = y.keys
		if isTerminal(y.w.Stdout) {
			sizes, stop := watchSize(y.w)
			y.sizes = sizes
			y.restore = append(y.restore, stop)
		}
	}
	y.input = typeFrom(y.w.Stdin, keys, y.detach)
	return nil
}

// end gives the terminal back as it was.
func (y *typing) end() {
	for _, restore := range y.restore {
		restore()
	}
}

// follow reaches attempt n.
func (y *typing) follow(ctx context.Context, dir *state.Dir, n int) (sandbox.Running, error) {
	a, err := y.attacher(ctx, y.task.Image)
	if err != nil {
		return nil, err
	}
	running, err := a.Attach(ctx, sandbox.Spec{ID: y.task.ID, Attempt: n, Dir: dir.Attempt(y.task.ID, n)})
	if err == nil {
		go func() { // ends with the attempt, or with the process
			for range running.Events() { // they must be drained
			}
		}()
	}
	return running, err
}

// resize gives the program's terminal the size of ours, now and when it changes.
func (y *typing) resize(ctx context.Context, running sandbox.Running) {
	resizer, ok := running.(sandbox.Resizer)
	if !ok || y.sizes == nil {
		return
	}
	if size, ok := terminalSize(y.w.Stdout.(*os.File)); ok {
		resizer.Resize(size)
	}
	go func() { // ends with ctx
		for {
			select {
			case <-ctx.Done():
				return
			case size := <-y.sizes:
				resizer.Resize(size)
			}
		}
	}()
}
