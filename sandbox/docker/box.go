// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
)

// runner is the engine, to start a container and to see how it stands.
type runner interface {
	Start(ctx context.Context, id string) error
	Wait(ctx context.Context, id string) (engine.Exit, error)
	Inspect(ctx context.Context, id string) (engine.State, error)
}

// commander is the engine, to command a container that runs.
type commander interface {
	Kill(ctx context.Context, id, signal string) error
	Resize(ctx context.Context, id string, rows, cols uint16) error
}

// box is the attempt's container. Its main process is followed by the kernel
// where it is one of this machine's (process), else by the engine.
type box struct {
	id    string
	run   runner
	order commander
	group *cgroup.Group // drydock's own; nil: there is none
	shm   shm

	ctx    context.Context // of the calls; ends with close
	end    context.CancelFunc
	exited chan struct{}
	once   sync.Once
	calls  sync.WaitGroup // what runs beside

	mu      sync.Mutex // guards what follows
	main    *process   // nil: not known, or not of this machine
	running bool       // the engine has started it
	pending unix.Signal
	size    *sandbox.TerminalSize
	exit    *engine.Exit // by the engine; nil: not said (yet)
	gone    error        // why the engine will never say
}

type engineOfBox interface {
	runner
	commander
}

func newBox(e engineOfBox, id string, group *cgroup.Group) *box {
	ctx, end := context.WithCancel(context.Background())
	return &box{id: id, run: e, order: e, group: group, ctx: ctx, end: end, exited: make(chan struct{})}
}

// close ends what runs beside and forgets the process.
func (b *box) close() {
	b.end()
	b.calls.Wait()
	b.shm.close()
	if p := b.process(); p != nil {
		p.close()
	}
}

func (b *box) process() *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.main
}

// PID implements supervise.Box.
func (b *box) PID() int {
	if p := b.process(); p != nil {
		return p.pid
	}
	return 0
}

// Exited implements supervise.Box.
func (b *box) Exited() <-chan struct{} { return b.exited }

func (b *box) ended() { b.once.Do(func() { close(b.exited) }) }

// Exec implements supervise.Box: the engine has no step between making the
// process and running the program, so that this is its start.
func (b *box) Exec() <-chan supervise.ExecResult {
	result := make(chan supervise.ExecResult, 1)
	b.calls.Go(func() {
		found := b.lookOut()
		err := b.run.Start(b.ctx, b.id)
		at := time.Now()
		found()
		if err != nil {
			result <- supervise.ExecResult{At: at, Err: err}
			b.ended()
			return
		}
		b.began()
		result <- supervise.ExecResult{At: at}
		b.calls.Go(b.await)
	})
	return result
}

// lookOut looks for the main process from before its start: one that ends in
// its first millisecond is gone when the engine answers. The function that it
// returns ends the search.
func (b *box) lookOut() (stop func()) {
	if b.group == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with quit
		defer close(done)
		b.search(quit)
	}()
	return func() { close(quit); <-done }
}

// searchEvery is how often the cgroup is looked at for the main process.
const searchEvery = time.Millisecond

func (b *box) search(quit <-chan struct{}) {
	ticker := time.NewTicker(searchEvery)
	defer ticker.Stop()
	for {
		if b.look() {
			return
		}
		select {
		case <-quit:
			b.look()
			return
		case <-ticker.C:
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
	return p != nil && b.shm.open(p.pid) && b.sizeFirst(p.pid)
}

// sizeFirst gives the terminal its size before the program can look at it. The
// engine does so only when the program runs.
func (b *box) sizeFirst(pid int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size != nil && setSize(pid, *b.size) {
		b.size = nil
	}
	return b.size == nil
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

// Signal implements supervise.Box. Before the start it is kept: nothing can
// take back a start under way.
func (b *box) Signal(sig unix.Signal) {
	b.mu.Lock()
	p, running := b.main, b.running
	if !running {
		b.pending = sig
	}
	b.mu.Unlock()
	if !running {
		return
	}
	if p != nil && p.signal(sig) {
		return
	}
	b.calls.Go(func() {
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
			if err := b.order.Kill(b.ctx, b.id, unix.SignalName(sig)); !away(err) {
				return // it is sent, or there is nobody to send it to
			}
			if !b.rest(pause) {
				return
			}
		}
	})
}

// Resize implements supervise.Box.
func (b *box) Resize(size sandbox.TerminalSize) {
	b.mu.Lock()
	running := b.running
	if !running {
		b.size = &size
	}
	b.mu.Unlock()
	if running && size.Rows > 0 {
		b.calls.Go(func() { _ = b.order.Resize(b.ctx, b.id, size.Rows, size.Cols) })
	}
}

// rest waits, and reports whether there still is anything to wait for.
func (b *box) rest(pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-b.ctx.Done():
		return false
	}
}
