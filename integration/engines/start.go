// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"drydock/internal/need"
)

// Option is something that an engine of a test's own has otherwise.
type Option func(*settings)

type settings struct {
	root  string
	flags []string
}

// Root puts the engine's data into a directory of the caller's, on a file
// system that is small, for example. The directory is emptied at the end and
// stays, as does what is mounted on it.
func Root(dir string) Option { return func(s *settings) { s.root = dir } }

// Flags are more words for the daemon's command line.
func Flags(words ...string) Option {
	return func(s *settings) { s.flags = append(s.flags, words...) }
}

// start needs an engine and starts it.
func start(t testing.TB, k Kind, options ...Option) *Engine {
	t.Helper()
	need.Root(t)
	need.Cgroups(t)
	program := k.program(t)
	var s settings
	for _, o := range options {
		o(&s)
	}
	// Not the test's own directory: its removal must not come before the
	// engine's end. Short, because of the sockets below it.
	dir, err := os.MkdirTemp("/tmp", "drydock-engine-")
	if err != nil {
		t.Fatal(err)
	}
	e, err := launch(k, program, dir, s)
	if err != nil {
		text := tail(filepath.Join(dir, "log"))
		if e != nil {
			err = fmt.Errorf("%w\n%s", err, text)
			_ = e.guard.end() // the first error counts
		}
		_ = os.RemoveAll(dir)
		t.Fatalf("%s does not start: %v", k, err)
	}
	return e
}

// launch starts the guard and the daemon in a directory that is theirs. An
// engine that comes with an error has a guard to end.
func launch(k Kind, program, dir string, s settings) (*Engine, error) {
	p := plan{
		Socket: filepath.Join(dir, "sock"), Log: filepath.Join(dir, "log"), Dir: dir, Root: s.root,
		Cgroup: filepath.Base(dir), Revive: k == Pod,
	}
	if p.Root == "" {
		p.Root = filepath.Join(dir, "root")
	}
	if err := os.WriteFile(p.Log, nil, 0o644); err != nil {
		return nil, err
	}
	var err error
	if p.Bridge, err = addBridge(); err != nil {
		return nil, err
	}
	if p.Argv, p.Env, err = k.command(program, p); err != nil {
		return nil, err
	}
	p.Argv = append(p.Argv, s.flags...)
	g, err := startGuard(p)
	if err != nil {
		return nil, err
	}
	e := &Engine{Kind: k, Name: k.String(), Socket: "unix://" + p.Socket, Root: p.Root, Log: p.Log, guard: g, bridge: p.Bridge, images: map[string]bool{}}
	if err := g.order("start"); err != nil {
		return e, err
	}
	e.Version, err = e.client().version()
	return e, err
}
