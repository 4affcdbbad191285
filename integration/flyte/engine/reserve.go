// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"sync"
)

// reservations let equal calls of serializable tasks wait for the first.
type reservations struct {
	mu   sync.Mutex
	held map[string]*reservation
}

type reservation struct {
	holders map[*node]bool // several only after a restart; see presume
	freed   chan struct{}  // closed when one lets go, and replaced
}

func newReservations() *reservations { return &reservations{held: map[string]*reservation{}} }

// take waits until nobody else holds the key and takes it. The error is ctx's
// cause.
func (s *reservations) take(ctx context.Context, key string, n *node) error {
	for {
		s.mu.Lock()
		held := s.held[key]
		if held == nil || held.holders[n] {
			s.hold(key, n)
			s.mu.Unlock()
			return nil
		}
		freed := held.freed
		s.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// presume holds the key for an action whose attempt an earlier process may
// have begun, whoever else holds it: which of them it was is not known yet.
// Those that turn out not to run release it and take it in their turn.
func (s *reservations) presume(key string, n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold(key, n)
}

// hold is for those who have the lock.
func (s *reservations) hold(key string, n *node) {
	if s.held[key] == nil {
		s.held[key] = &reservation{map[*node]bool{}, make(chan struct{})}
	}
	s.held[key].holders[n] = true
}

// release frees a key that a node may hold.
func (s *reservations) release(key string, n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[key]
	if held == nil || !held.holders[n] {
		return
	}
	delete(held.holders, n)
	close(held.freed)
	held.freed = make(chan struct{})
	if len(held.holders) == 0 {
		delete(s.held, key)
	}
}
