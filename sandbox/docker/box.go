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
	nodes []string // of devices, which the container is to have

	ctx    context.Context // of the calls; ends with close
	end    context.CancelFunc
	exited chan struct{}
	once   sync.Once
	begun  chan struct{}  // closed when the start's call has returned; nil: there was none
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

// startPatience is how long the call that started a program which has ended
// may still take, before it is given up: an engine may leave a container half
// started then.
const startPatience = 10 * time.Second

// close ends what runs beside and forgets the process.
func (b *box) close() {
	if b.begun != nil {
		select {
		case <-b.begun:
		case <-time.After(startPatience):
		}
	}
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
