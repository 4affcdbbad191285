// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
)

const mib = 1 << 20

// on20 is a sandbox on the oldest engine, with a lease directory of its own.
func on20(t testing.TB) (*docker.Sandbox, *engines.Engine) {
	t.Helper()
	need.Root(t)
	need.Cgroups(t)
	e := engines.Docker20(t)
	return newSandbox(t, e, t.TempDir()), e
}

// task is an attempt of a shell's words in busybox.
func task(t testing.TB, image, script string) sandbox.Spec {
	t.Helper()
	return sandbox.Spec{
		ID: ulid.Make().String(), Attempt: 1, Dir: t.TempDir(), Image: image,
		Args: []string{"sh", "-c", script}, Network: sandbox.NetworkNone, Grace: 200 * time.Millisecond,
		Limits: sandbox.Limits{CPUShares: 1024, Memory: 64 * mib, GroupKill: true, ShmSize: 16 * mib, Pids: 256, OOMScoreAdj: 500},
	}
}

// signs is a directory that a task sees as /signs: what it does next waits for
// a file there.
type signs string

func newSigns(t testing.TB, specs ...*sandbox.Spec) signs {
	t.Helper()
	dir := t.TempDir()
	for _, spec := range specs {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: dir, Target: "/signs", ReadOnly: true})
	}
	return signs(dir)
}

// until are a shell's words that do something again and again until there is
// such a sign.
func until(sign, do string) string {
	return fmt.Sprintf("until test -e /signs/%s; do %s; sleep 0.1; done; ", sign, do)
}

// give gives a sign.
func (s signs) give(t testing.TB, sign string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(s), sign), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// ran is a task under way.
type ran struct {
	sandbox.Running
	mu      sync.Mutex
	out     strings.Builder
	started chan struct{}
}

func (r *ran) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(p)
}

func (r *ran) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

func start(t testing.TB, s sandbox.Sandbox, spec sandbox.Spec) *ran {
	t.Helper()
	r := &ran{started: make(chan struct{})}
	running, err := s.Start(t.Context(), spec, sandbox.Streams{Stdout: r})
	if err != nil {
		t.Fatal(err)
	}
	r.Running = running
	go func() {
		for e := range running.Events() {
			if e.Started != nil {
				close(r.started)
			}
		}
	}()
	return r
}

// says waits for a word of the program's.
func (r *ran) says(t testing.TB, word string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(r.said(), word); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the program never said %q, but %q", word, r.said())
		}
	}
}

// end waits for the facts.
func (r *ran) end(t testing.TB) sandbox.Outcome {
	t.Helper()
	o, err := r.Wait()
	if err != nil {
		t.Fatalf("Wait: %v (%+v)", err, o)
	}
	return o
}

// second is another client of the engine, for what others do to it.
func second(t testing.TB, e *engines.Engine) *engine.Engine {
	t.Helper()
	c, err := engine.Open(t.Context(), engine.Config{Host: e.Socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// running waits until the engine has taken down of so many attempts' containers
// that they run.
func running(t testing.TB, c *engine.Engine, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all := ours(t, c)
		up := slices.DeleteFunc(slices.Clone(all), func(l engine.Listed) bool { return l.State != "running" })
		if len(up) == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of %d containers not all run: %+v", n, all)
		}
	}
}

// ours lists the containers that stand for attempts.
func ours(t testing.TB, c *engine.Engine) []engine.Listed {
	t.Helper()
	all, err := c.List(context.Background(), map[string]string{"io.drydock.id": ""})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
