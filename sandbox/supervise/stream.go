// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox/supervise/wire"
)

// pumpSize is how much output is moved at once.
const pumpSize = 32 << 10

// Output takes the program's streams to the log, to drydock if it is still
// there, and keeps the end of both.
type Output struct {
	log   *logFile
	tail  tail
	pumps sync.WaitGroup
	taken bool
}

// Streams are the supervisor's ends of the program's streams, for the one who
// makes the Box: it closes them, or hands them on to Feed, Pump or Go.
func (o *Output) Streams() (stdin, stdout, stderr *os.File) {
	o.taken = true
	_ = unix.SetNonblock(wire.StdinFD, true) // waiting for input takes no thread
	return os.NewFile(wire.StdinFD, "stdin"), os.NewFile(wire.StdoutFD, "stdout"), os.NewFile(wire.StderrFD, "stderr")
}

// closeUnused ends the streams of an attempt that never used them.
func (o *Output) closeUnused() {
	if o.taken {
		return
	}
	in, out, err := o.Streams()
	in.Close()
	out.Close()
	err.Close()
}

// Pump starts moving one stream until its end.
func (o *Output) Pump(stream string, from io.ReadCloser, live *os.File) {
	o.Go(func() {
		defer from.Close()
		to := o.Sink(stream, live)
		defer to.Close()
		buf := make([]byte, pumpSize)
		for {
			n, err := from.Read(buf)
			_, _ = to.Write(buf[:n])
			if err != nil {
				return
			}
		}
	})
}

// Incomplete notes why the log may lack something.
func (o *Output) Incomplete(why string) { o.log.incomplete(why) }

// Go runs what moves the program's output, to its end.
func (o *Output) Go(move func()) { o.pumps.Go(move) }

// Sink is where one stream goes. It takes everything, whoever reads live; it is
// used by one goroutine, which closes it.
func (o *Output) Sink(stream string, live *os.File) io.WriteCloser {
	return &sink{o: o, stream: stream, live: live, connected: true}
}

// sink is one stream's way out.
type sink struct {
	o         *Output
	stream    string
	live      *os.File
	connected bool
}

func (s *sink) Write(p []byte) (int, error) {
	if len(p) > 0 {
		s.o.tail.write(p)
		s.o.log.write(s.stream, p)
		if s.connected {
			_, err := s.live.Write(p)
			s.connected = err == nil
		}
	}
	return len(p), nil
}

func (s *sink) Close() error { return s.live.Close() }

// drained waits for the streams' ends and reports whether they came in time.
// They follow the main process's end at once, as the kernel ends its whole
// pid namespace; only a reader of drydock's output that does not read holds
// them up.
func (o *Output) drained(patience time.Duration) bool {
	done := make(chan struct{})
	go func() { o.pumps.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}

// tailSize is how much of the output's end an outcome carries.
const tailSize = 16 << 10

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) write(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(p) >= tailSize {
		t.buf = append(t.buf[:0], p[len(p)-tailSize:]...)
		return
	}
	if over := len(t.buf) + len(p) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	t.buf = append(t.buf, p...)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
