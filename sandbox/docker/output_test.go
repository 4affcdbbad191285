// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
)

// proxy is a way to an engine that hangs up on everybody when it is told to, and
// lets everybody in at once again: as systemd does that holds the engine's
// socket while it restarts.
type proxy struct {
	net.Listener
	mu    sync.Mutex
	conns []*net.TCPConn // guarded by mu
}

func newProxy(t testing.TB, e *engines.Engine) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l}
	var pipes sync.WaitGroup
	pipes.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			near := conn.(*net.TCPConn)
			p.mu.Lock()
			p.conns = append(p.conns, near)
			p.mu.Unlock()
			pipes.Go(func() { splice(near, strings.TrimPrefix(e.Socket, "unix://")) })
		}
	})
	t.Cleanup(func() { l.Close(); p.hangUp(); pipes.Wait() })
	return p
}

// address is what the proxy is called as an engine.
func (p *proxy) address() string { return "tcp://" + p.Addr().String() }

func (p *proxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// An engine that hangs up and is there again at once loses the output meanwhile,
// which is said, and nothing of what comes later.
func TestEngineHangsUp(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	e := engines.Docker20(t)
	p := newProxy(t, e)
	s := sandboxAt(t, p.address(), t.TempDir())
	spec := task(t, engines.Busybox(t, e), until("cut", "echo up")+until("seen", "echo later")+"exit 7")
	signs := newSigns(t, &spec)
	r := start(t, s, spec)
	r.says(t, "up")
	p.hangUp()
	signs.give(t, "cut")
	r.says(t, "later")
	signs.give(t, "seen")
	o := r.end(t)
	if o.Exit == nil || o.Exit.Code != 7 || !strings.Contains(o.LogError, "hung up") {
		t.Errorf("it ended with %+v and said %q; of the log %q", o.Exit, r.said(), o.LogError)
	}
}

// slow is a reader of a task's output that does not read for a while.
type slow struct {
	once sync.Once
	ran
}

func (s *slow) Write(p []byte) (int, error) {
	s.once.Do(func() { time.Sleep(13 * time.Second) })
	return s.ran.Write(p)
}

// A reader that takes its time gets everything, and so does the log, also when
// the program has ended long ago.
func TestSlowReader(t *testing.T) {
	s, e := on20(t)
	const lines = 5000 // of 100 bytes: what the engine keeps for those who are slow
	spec := task(t, engines.Busybox(t, e), fmt.Sprintf("yes %s | head -n %d; echo last", strings.Repeat("x", 99), lines))
	var reader slow
	running, err := s.Start(t.Context(), spec, sandbox.Streams{Stdout: &reader})
	if err != nil {
		t.Fatal(err)
	}
	for range running.Events() {
	}
	o, err := running.Wait()
	if err != nil || o.Exit == nil || o.Exit.Code != 0 || o.LogError != "" {
		t.Errorf("%+v, %v", o, err)
	}
	log, err := os.ReadFile(filepath.Join(spec.Dir, "log"))
	for where, text := range map[string]string{"the reader": reader.said(), "the log": string(log)} {
		if n := strings.Count(text, "\n"); err != nil || n < lines || !strings.HasSuffix(text, "last\n") {
			t.Errorf("%s has %d lines: %v", where, n, err)
		}
	}
}
