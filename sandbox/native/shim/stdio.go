// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"sync"
	"time"
)

// pumpSize is how much output is moved at once.
const pumpSize = 32 << 10

// output takes the program's streams to the log, to drydock if it is still
// there, and keeps the end of both.
type output struct {
	log   *logFile
	tail  tail
	pumps sync.WaitGroup
}

// pump starts moving one stream until its end.
func (o *output) pump(stream string, from io.ReadCloser, live *os.File) {
	o.pumps.Go(func() {
		defer from.Close()
		defer live.Close()
		buf := make([]byte, pumpSize)
		connected := true
		for {
			n, err := from.Read(buf)
			if n > 0 {
				o.tail.write(buf[:n])
				o.log.write(stream, buf[:n])
				if connected {
					_, werr := live.Write(buf[:n])
					connected = werr == nil
				}
			}
			if err != nil {
				return
			}
		}
	})
}

// drained waits for the streams' ends and reports whether they came in time.
// They follow the main process's end at once, as the kernel ends its whole
// pid namespace; only a reader of drydock's output that does not read holds
// them up.
func (o *output) drained(patience time.Duration) bool {
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
