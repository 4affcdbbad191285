// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"time"

	"drydock/internal/failpoint"
	"drydock/sandbox/supervise"
)

// Exec implements supervise.Box: the engine has no step between making the
// process and running the program, so that this is its start. The program runs
// when it was seen to, or when the engine says so: that answer may be slow.
func (b *box) Exec() <-chan supervise.ExecResult {
	result := make(chan supervise.ExecResult, 1)
	b.begun = make(chan struct{})
	b.calls.Go(func() {
		seen, stop := b.lookOut()
		started := make(chan error, 1)
		go func() { // ends with the call, whose deadline bounds it
			defer close(b.begun)
			err := b.start()
			failpoint.At(failpoint.ContainerStarted)
			started <- err
		}()
		var err error
		told := false
		tell := func() {
			told = true
			b.began()
			result <- supervise.ExecResult{At: b.process().execed, Err: b.missesDevices()}
		}
		select {
		case <-seen:
			tell()
			err = <-started
			stop()
		case err = <-started:
			stop()
			select {
			case <-seen: // whoever looks late hears of both
				tell()
			default:
			}
		}
		switch {
		case told && err != nil: // it runs, whatever the engine had to say
		case err != nil:
			b.settle(nil, err) // nobody will wait for it
			result <- supervise.ExecResult{At: time.Now(), Err: err}
			b.ended()
			return
		case !told:
			at := time.Now()
			if p := b.process(); p != nil && !p.execed.IsZero() {
				at = p.execed
			}
			b.began()
			result <- supervise.ExecResult{At: at, Err: b.missesDevices()}
		}
		b.calls.Go(b.await)
	})
	return result
}

// start starts the container. Where the engine went away before it answered
// nobody knows whether it did; it is asked when it is back.
func (b *box) start() error {
	err := b.run.Start(b.ctx, b.id)
	if !away(err) {
		return err
	}
	for deadline := time.Now().Add(engineAway); b.rest(200*time.Millisecond) && time.Now().Before(deadline); {
		state, lookErr := b.run.Inspect(b.ctx, b.id)
		switch {
		case away(lookErr):
			continue
		case lookErr == nil && !state.StartedAt.IsZero():
			return nil
		}
		return err
	}
	return err
}

// lookOut looks for the main process from before its start: one that ends in
// its first millisecond is gone when the engine answers. seen is closed when
// the program runs; stop ends the search.
func (b *box) lookOut() (seen <-chan struct{}, stop func()) {
	if b.group == nil {
		return nil, func() {}
	}
	quit, done, found := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { // ends with quit
		defer close(done)
		if b.search(quit) {
			close(found)
		}
	}()
	return found, func() { close(quit); <-done }
}

// How often the cgroup is looked at for the main process. Each look costs the
// engine's start a little of the processor; until the container has its own
// group nothing can have begun, and from then on the runtime alone takes longer
// than these.
const (
	searchFirst = 3 * time.Millisecond
	searchEvery = time.Millisecond
)

// search looks until everything was found; false: not before quit.
func (b *box) search(quit <-chan struct{}) bool {
	for pause := searchFirst; ; {
		if b.look() {
			return true
		}
		if b.group.FindLeaf(b.id) {
			pause = searchEvery
		}
		select {
		case <-quit:
			return b.look()
		case <-time.After(pause):
		}
	}
}

// look takes one look, and reports whether everything was found.
func (b *box) look() bool {
	if !b.group.FindLeaf(b.id) {
		return false
	}
	p := b.process()
	if p == nil {
		for _, pid := range b.group.Procs() {
			if found := openInit(pid); found != nil {
				b.follow(found)
				p = found
				break
			}
		}
	}
	if p == nil {
		return false
	}
	ran := p.ran() // then its root is final
	b.shm.open(p.pid)
	b.sizeFirst(p.pid)
	return ran
}

// sizeFirst gives the terminal its size before the program can look at it. The
// engine does so only when the program runs.
func (b *box) sizeFirst(pid int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size != nil && setSize(pid, *b.size) {
		b.size = nil
	}
}

// follow watches the main process until its end.
func (b *box) follow(p *process) {
	b.mu.Lock()
	b.main = p
	b.mu.Unlock()
	b.calls.Go(func() {
		if p.wait(b.ctx) {
			b.ended()
		}
	})
}

// began finds the main process by the engine's word where the search did not,
// and sends what was asked for before there was anybody to send it to.
func (b *box) began() {
	if b.group != nil && b.process() == nil {
		if state, err := b.run.Inspect(b.ctx, b.id); err == nil && state.PID > 0 {
			b.take(state.PID)
		}
	}
	b.mu.Lock()
	b.running = true
	sig, size := b.pending, b.size
	b.mu.Unlock()
	if size != nil {
		b.Resize(*size)
	}
	if sig != 0 {
		b.Signal(sig)
	}
}

// take follows a process if it is surely the container's.
func (b *box) take(pid int) {
	p := openProcess(pid)
	if p == nil {
		return
	}
	if held, _ := b.group.Holds(pid); !held { // looked at with the descriptor in hand
		p.close()
		return
	}
	b.follow(p)
	b.shm.open(pid)
}
