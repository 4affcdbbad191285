// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"sync"

	"drydock/sandbox"
)

// share is what makes two pulls the same one.
type share struct {
	reference string // completed
	platform  string
	always    bool
}

// pulls are the transfers under way in this process. The zero value is ready.
type pulls struct {
	mu      sync.Mutex
	running map[share]*pull
}

// pull is one transfer and those who wait for it.
type pull struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when image and err are set
	image  Image
	err    error

	waiting int // guarded by pulls.mu

	mu    sync.Mutex                     // held while listeners are called
	next  int                            // name of the next listener
	heard map[int]func(sandbox.Progress) // listeners
	last  *sandbox.Progress              // for those who come late
}

// errNobody cancels a transfer when the last one that waited for it is gone.
var errNobody = errors.New("nobody waits for the image any more")

// do runs fetch, or joins one of the same key that is under way. A caller
// whose ctx ends leaves; the transfer ends with the last of them.
func (s *pulls) do(ctx context.Context, key share, progress func(sandbox.Progress), fetch func(context.Context, func(sandbox.Progress)) (Image, error)) (Image, error) {
	p := s.join(ctx, key, fetch)
	leave := p.listen(progress)
	defer s.leave(key, p)
	defer leave()
	select {
	case <-p.done:
		return p.image, p.err
	case <-ctx.Done():
		return Image{}, explain(ctx, "pull image", 0, ctx.Err())
	}
}

// join finds the transfer or begins it. The goroutine ends with the transfer.
func (s *pulls) join(ctx context.Context, key share, fetch func(context.Context, func(sandbox.Progress)) (Image, error)) *pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.running[key]; ok {
		p.waiting++
		return p
	}
	// The transfer outlives the context of the one that began it: others may
	// have joined by then.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &pull{cancel: cancel, done: make(chan struct{}), waiting: 1, heard: map[int]func(sandbox.Progress){}}
	if s.running == nil {
		s.running = map[share]*pull{}
	}
	s.running[key] = p
	go func() {
		defer cancel(nil)
		p.image, p.err = fetch(ctx, p.tell)
		s.forget(key, p)
		close(p.done)
	}()
	return p
}

// forget makes the next one begin anew.
func (s *pulls) forget(key share, p *pull) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[key] == p {
		delete(s.running, key)
	}
}

func (s *pulls) leave(key share, p *pull) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.waiting--; p.waiting > 0 {
		return
	}
	if s.running[key] == p { // nobody may join one that is being cancelled
		delete(s.running, key)
	}
	p.cancel(errNobody)
}

// listen has progress called until the returned function is.
func (p *pull) listen(progress func(sandbox.Progress)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.next
	p.next++
	p.heard[name] = progress
	if p.last != nil {
		progress(*p.last)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.heard, name)
	}
}

func (p *pull) tell(progress sandbox.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = &progress
	for _, heard := range p.heard {
		heard(progress)
	}
}
