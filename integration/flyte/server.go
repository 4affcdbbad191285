// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"drydock/integration/flyte/launch/python"
)

// Server is an endpoint that listens. Its methods are safe for concurrent use.
type Server struct {
	c      Config
	home   Home
	unlock func()
	since  time.Time

	listener     net.Listener
	console      net.Listener // the SDK's other port; nil: none
	bridge       net.Listener // the same port, for tasks on the engine's bridge; nil: none
	former       net.Listener // where the last server was, for tasks that know it there; nil: none
	formerBridge net.Listener // and where those on the bridge know it; nil: none
	parts        *parts
	hub          *hub
	usage        *usage
	http         *http.Server

	requests context.Context // ends with the server
	cut      context.CancelFunc

	python struct {
		done  chan struct{}
		found python.Python
		err   error
	}
	ready    atomic.Bool
	stopping atomic.Bool
	stop     sync.Once
	stopped  chan struct{}
}

// New takes the state directory and the port; nothing is answered and nothing
// runs before Serve. Errors are sentences: *InUseError, *ListenError, or what
// the disk says.
func New(c Config) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Server{c: c, home: Home{c.StateDir}, since: c.Now(), hub: newHub(), usage: newUsage(c.StateDir), stopped: make(chan struct{})}
	s.requests, s.cut = context.WithCancel(context.Background())
	s.python.done = make(chan struct{})
	var err error
	if s.unlock, err = s.home.hold(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// open makes everything that a request may need, the port first: whoever
// connects from now on waits and is not refused.
func (s *Server) open() error {
	var err error
	last := s.home.lastAddr()
	if s.listener, err = listenAgain(s.c.Listen, last); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if s.bridge, err = s.listenInside(port); err != nil {
		return err
	}
	if c := s.c.Images; c != nil && c.Apart != "" {
		s.c.Log.Warn(fmt.Sprintf("%s may be on another machine (%s): tasks in images reach this drydock only if it is on the same network", c.Engine, c.Apart))
	}
	s.console = consoleListener(s.listener)
	go s.lookForPython()
	if s.parts, err = s.assemble(); err != nil {
		return err
	}
	s.takeOver()
	if err := s.listenForOld(last); err != nil {
		return err
	}
	door := newDoorman(maxConnections)
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		// Longer than the SDK's own 90 s, so that it is the client who closes a
		// connection that it may be about to use. There is no limit on reading
		// and writing: watches stay open for hours, and uploads are large.
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ConnState:      door.state,
		BaseContext:    func(net.Listener) context.Context { return s.requests },
		ErrorLog:       serverLog(s.c.Log),
		Protocols:      new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	return s.home.announce(s.Info())
}

// listenForOld listens where the last server did, too, when tasks that it
// started are still about: they know the endpoint by that address.
func (s *Server) listenForOld(last string) error {
	here := s.listener.Addr().String()
	if old := onLoopback(last); len(s.parts.engine.Unfinished()) > 0 && old != "" && old != onLoopback(here) {
		var err error
		if s.former, err = net.Listen("tcp", old); err != nil {
			s.c.Log.Warn(fmt.Sprintf("tasks of unfinished runs look for drydock at %s, where it cannot listen now; what they start will fail", old), "error", err)
			return nil // and do not forget the address: the next server may have it
		}
		_, port, _ := net.SplitHostPort(old)
		if s.formerBridge, err = s.listenInside(port); err != nil {
			s.c.Log.Warn(fmt.Sprintf("tasks of unfinished runs look for drydock at port %s of the engine's bridge, where it cannot listen now; what they start will fail", port), "error", err)
		}
	}
	return s.home.rememberAddr(here)
}

// lookForPython finds the interpreter beside everything else: asking one takes
// longer than the rest of the start.
func (s *Server) lookForPython() {
	defer close(s.python.done)
	s.python.found, s.python.err = s.c.findPython(s.requests)
	if s.python.err == nil {
		s.c.Log.Debug("tasks run with", "python", s.python.found.Executable, "flyte", s.python.found.SDK)
	}
}

// Python waits for the interpreter that tasks run with. Its error is a
// sentence that ends with what to do.
func (s *Server) Python(ctx context.Context) (python.Python, error) {
	select {
	case <-s.python.done:
		return s.python.found, s.python.err
	case <-ctx.Done():
		return python.Python{}, context.Cause(ctx)
	}
}

// Info is what the server says about itself.
func (s *Server) Info() Info {
	i := Info{Version: infoVersion, PID: os.Getpid(), Endpoint: endpoint(s.listener), Since: s.since.UTC(),
		Log: s.c.LogFile, Private: s.c.Private, Sandbox: s.c.Sandbox()}
	if c := s.c.Images; c != nil {
		i.Engine, i.Network = c.Engine, string(c.Network)
	}
	i.Console = "http://" + i.Endpoint
	if s.console != nil {
		i.Console = "http://" + endpoint(s.console)
	}
	select {
	case <-s.python.done:
		i.Python, i.SDK = s.python.found.Executable, s.python.found.SDK
	default: // still looking
	}
	return i
}

// Serve answers until Shutdown, takes up the runs that an earlier server left,
// and returns nil after an orderly end. Where tasks run without images, a Python
// that cannot be had ends it with that error, and runs go on where they are.
func (s *Server) Serve() error {
	failed := make(chan error, len(s.listeners()))
	for _, l := range s.listeners() {
		if l != nil {
			go func() { failed <- s.http.Serve(l) }()
		}
	}
	s.parts.engine.Resume()
	s.ready.Store(true)
	select {
	case <-s.python.done:
		if err := s.python.err; err != nil && s.c.Images == nil && !s.stopping.Load() {
			s.Shutdown(context.Background(), Keep, "")
			return err
		}
		if err := s.home.announce(s.Info()); err != nil {
			s.c.Log.Warn("the server could not write down who it is", "error", err)
		}
	case <-s.stopped:
		return nil
	}
	select {
	case err := <-failed:
		if errors.Is(err, http.ErrServerClosed) {
			<-s.stopped
			return nil
		}
		s.Shutdown(context.Background(), Keep, "")
		return err
	case <-s.stopped:
		return nil
	}
}

func (s *Server) listeners() []net.Listener {
	return []net.Listener{s.listener, s.console, s.bridge, s.former, s.formerBridge}
}

// Ending says what becomes of unfinished runs when the server ends.
type Ending int

// Endings.
const (
	Abort Ending = iota // they are aborted, and their sandboxes are gone
	Keep                // their sandboxes go on; the next server takes them up
)

// drainTime is how long clients may take to read the last answers.
const drainTime = 2 * time.Second

// Shutdown ends the server: with Abort, unfinished runs are aborted for the
// given reason and waited for while ctx lasts. A second call waits for the
// first one's end.
func (s *Server) Shutdown(ctx context.Context, how Ending, reason string) {
	s.stop.Do(func() {
		s.stopping.Store(true)
		if how == Abort {
			if err := s.parts.engine.StopAll(ctx, reason); err != nil {
				s.c.Log.Warn("not every sandbox was gone in time; the next server removes the rest", "error", err)
			}
		}
		s.parts.engine.Close()
		s.hub.close()
		drain, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		if s.http.Shutdown(drain) != nil {
			s.cut() // streams that do not end by themselves
			_ = s.http.Close()
		}
		s.release()
		close(s.stopped)
	})
	<-s.stopped
}

// release gives back what New took.
func (s *Server) release() {
	s.cut()
	for _, l := range s.listeners() {
		if l != nil {
			_ = l.Close()
		}
	}
	if s.parts != nil {
		s.parts.close(s.c.Log)
	}
	s.unlock()
}
