// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Kind is an engine that tests can have.
type Kind int

// The kinds, in the order of All.
const (
	V20 Kind = iota // Debian 12's docker.io
	V28             // Docker Engine 28.5, built from its Go module
	Pod             // Debian 12's podman, as a service
)

func (k Kind) String() string { return [...]string{"docker-20.10", "docker-28.5", "podman-4.3"}[k] }

// Engine is one engine under a guard. Its methods may be used by one test at a
// time; the fields do not change.
type Engine struct {
	Kind    Kind
	Name    string // of the kind
	Version string // in the engine's own words, as "20.10.24+dfsg1"
	Socket  string // "unix:///…", for DOCKER_HOST
	Root    string // its data directory
	Log     string // file with what it printed

	bridge  string
	guard   *guard
	imports sync.Mutex
	images  map[string]bool // imported already
}

// path is the socket's.
func (e *Engine) path() string { return strings.TrimPrefix(e.Socket, "unix://") }

// Pid is the daemon's; 0 while it is not running.
func (e *Engine) Pid() int { return e.guard.pid }

// HasBridge says whether containers can have a bridge network, and reach this
// machine at the bridge's address. Nothing beyond it can be reached: the
// packet filter is left alone.
func (e *Engine) HasBridge() bool { return e.bridge != "" }

// Kill ends the daemon with SIGKILL. What its containers do then is the
// engine's matter.
func (e *Engine) Kill(t testing.TB) { t.Helper(); e.order(t, "kill") }

// Stop ends the daemon as an administrator does; its containers end too,
// unless it was told to leave them alive.
func (e *Engine) Stop(t testing.TB) { t.Helper(); e.order(t, "stop") }

// Start starts the daemon again on the same socket and data, and waits until
// it answers.
func (e *Engine) Start(t testing.TB) { t.Helper(); e.order(t, "start") }

// Restart is Stop and Start.
func (e *Engine) Restart(t testing.TB) {
	t.Helper()
	e.Stop(t)
	e.Start(t)
}

func (e *Engine) signal(t testing.TB, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(e.Pid(), s); err != nil {
		t.Fatalf("%s: %v: %v", e.Name, s, err)
	}
}

func (e *Engine) order(t testing.TB, word string) {
	t.Helper()
	if err := e.guard.order(word); err != nil {
		t.Fatalf("%s: %s: %v\n%s", e.Name, word, err, tail(e.Log))
	}
}
