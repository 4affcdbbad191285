// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"io"
	"sync"
	"unicode/utf8"

	"drydock/sandbox"
)

// runes cuts a byte stream into pieces that do not split a character of
// UTF-8. What is no UTF-8 passes through as it is. The zero value is ready.
type runes struct {
	rest []byte // the beginning of a character, at most three bytes
}

// add returns what is complete after p; the result is the caller's own, and
// nil when there is nothing yet.
func (r *runes) add(p []byte) []byte {
	data := make([]byte, 0, len(r.rest)+len(p))
	data = append(append(data, r.rest...), p...)
	cut := len(data) - incomplete(data)
	r.rest = append([]byte(nil), data[cut:]...)
	if cut == 0 {
		return nil
	}
	return data[:cut:cut]
}

// flush returns what was never completed.
func (r *runes) flush() []byte {
	rest := r.rest
	r.rest = nil
	return rest
}

// incomplete returns how many bytes at the end of p begin a character that
// more bytes could complete.
func incomplete(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		tail := p[len(p)-n:]
		if !utf8.RuneStart(tail[0]) {
			continue
		}
		if tail[0] >= utf8.RuneSelf && !utf8.FullRune(tail) {
			return n
		}
		return 0
	}
	return 0
}

// outputEvents is a writer that makes events of what it is given, and passes
// it on.
type outputEvents struct {
	emit   func(Event)
	stream Stream
	next   io.Writer // may be nil

	mu    sync.Mutex // a sandbox writes from one goroutine; flush comes from another
	runes runes
}

func (w *outputEvents) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.send(w.runes.add(p))
	w.mu.Unlock()
	if w.next == nil {
		return len(p), nil
	}
	return w.next.Write(p)
}

func (w *outputEvents) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.send(w.runes.flush())
}

func (w *outputEvents) send(data []byte) {
	if len(data) > 0 {
		w.emit(Event{Type: EventOutput, Output: &Output{Stream: w.stream, Data: data}})
	}
}

// withOutputEvents lays event writers over the streams of one attempt. The
// function it returns sends what is left when the attempt has ended.
func withOutputEvents(s sandbox.Streams, emit func(Event)) (sandbox.Streams, func()) {
	out := &outputEvents{emit: emit, stream: Stdout, next: s.Stdout}
	errs := &outputEvents{emit: emit, stream: Stderr, next: s.Stderr}
	s.Stdout, s.Stderr = out, errs
	return s, func() { out.flush(); errs.flush() }
}
