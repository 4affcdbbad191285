// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"io"
	"sync"
)

// stdin gives one reader to attempt after attempt. A single goroutine reads
// it, so that an ended attempt cannot swallow what is meant for the next; what
// an attempt has taken is its own.
type stdin struct {
	from   io.Reader
	begin  sync.Once
	chunks chan []byte
	quit   chan struct{}

	mu   sync.Mutex
	rest []byte // of a chunk that was not taken whole; guarded by mu
}

// stdinChunk is how much is read ahead.
const stdinChunk = 32 << 10

func newStdin(from io.Reader) *stdin {
	return &stdin{from: from, chunks: make(chan []byte), quit: make(chan struct{})}
}

// read runs until the reader ends or Run does. A reader that cannot be woken,
// such as a terminal, keeps it until its next byte.
func (s *stdin) read() {
	defer close(s.chunks)
	for {
		chunk := make([]byte, stdinChunk)
		n, err := s.from.Read(chunk)
		if n > 0 {
			select {
			case s.chunks <- chunk[:n]:
			case <-s.quit:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// attempt returns what one attempt reads, and a function that ends it.
func (s *stdin) attempt() (io.Reader, func()) {
	s.begin.Do(func() { go s.read() })
	ended := make(chan struct{})
	return &attemptStdin{all: s, ended: ended}, func() { close(ended) }
}

// close lets the goroutine go.
func (s *stdin) close() { close(s.quit) }

// attemptStdin is stdin until the attempt's end.
type attemptStdin struct {
	all   *stdin
	ended <-chan struct{}
}

// Read implements io.Reader.
func (a *attemptStdin) Read(p []byte) (int, error) {
	a.all.mu.Lock() // an ended attempt's reader lets go at once
	defer a.all.mu.Unlock()
	select {
	case <-a.ended:
		return 0, io.EOF
	default:
	}
	if len(a.all.rest) == 0 {
		select {
		case <-a.ended:
			return 0, io.EOF
		case chunk, ok := <-a.all.chunks:
			if !ok {
				return 0, io.EOF
			}
			a.all.rest = chunk
		}
	}
	n := copy(p, a.all.rest)
	a.all.rest = a.all.rest[n:]
	return n, nil
}
