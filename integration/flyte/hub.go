// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"sync"

	"drydock/integration/flyte/engine"
)

// hub hands the engine's events to whoever wants to know. Telling it never
// waits: a reader that does not keep up loses samples first, then what is
// oldest.
type hub struct {
	mu      sync.Mutex
	readers map[*mailbox]bool
	closed  bool
}

// mailbox keeps what one reader has not read.
type mailbox struct {
	mu     sync.Mutex
	events []engine.Event
	lost   int
	closed bool
	wake   chan struct{} // has room for one
}

// maxUnread is how many events a mailbox keeps.
const maxUnread = 1 << 14

func newHub() *hub { return &hub{readers: map[*mailbox]bool{}} }

// tell is the engine's Observe.
func (h *hub) tell(e engine.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for m := range h.readers {
		m.put(e)
	}
}

// subscribe opens a mailbox; close it with cancel.
func (h *hub) subscribe() (m *mailbox, cancel func()) {
	m = &mailbox{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		m.close()
	}
	h.readers[m] = true
	return m, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.readers, m)
	}
}

// close lets every reader read what is left, and no more.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for m := range h.readers {
		m.close()
	}
}

func (m *mailbox) put(e engine.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	if len(m.events) >= maxUnread/2 && onlySample(e) {
		m.lost++
		return
	}
	if len(m.events) >= maxUnread {
		const some = maxUnread / 8 // moving the rest for each single one would cost too much
		m.lost += some
		m.events = append(m.events[:0], m.events[some:]...)
	}
	m.events = append(m.events, e)
	m.signal()
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// take returns what came since the last time, and waits until there is
// something. It returns false when nothing will come any more.
func (m *mailbox) take(ctx context.Context) ([]engine.Event, bool) {
	for {
		m.mu.Lock()
		events, closed := m.events, m.closed
		m.events = nil
		m.mu.Unlock()
		if len(events) > 0 {
			return events, true
		}
		if closed {
			return nil, false
		}
		select {
		case <-m.wake:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// onlySample reports whether nothing but a moment's memory use is lost with e.
func onlySample(e engine.Event) bool {
	return e.End == nil && e.Progress != nil && e.Progress.Sample != nil && e.Progress.OOM == nil && e.Progress.Phase == 0
}
