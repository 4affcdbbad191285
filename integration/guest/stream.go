// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"io"
	"sync"

	"drydock/integration/guest/wire"
	"drydock/internal/provide"
)

// stream is what one job prints. Writing never waits: jobs that nobody looks
// at must not hold up the guest.
type stream struct {
	mu    sync.Mutex
	more  *sync.Cond
	data  []byte
	read  int
	ended *wire.End // set at the end of the job, or of the guest
}

func newStream() *stream {
	s := &stream{}
	s.more = sync.NewCond(&s.mu)
	return s
}

func (s *stream) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, p...)
	s.more.Broadcast()
}

// end closes the stream; only the first end counts.
func (s *stream) end(e wire.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = &e
	}
	s.more.Broadcast()
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.read == len(s.data) && s.ended == nil {
		s.more.Wait()
	}
	if s.read == len(s.data) {
		return 0, io.EOF
	}
	n := copy(p, s.data[s.read:])
	s.read += n
	return n, nil
}

// result is how the job ended, after the stream's end.
func (s *stream) result() wire.End {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.ended
}

// tail is the end of what was printed.
func (s *stream) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return provide.LastLines(string(s.data))
}
