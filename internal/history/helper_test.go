// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/internal/state"
	"drydock/sandbox/sandboxtest"
)

func diff(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// machine is a state directory that an executor on the fake sandbox fills.
type machine struct {
	*executor.Executor
	t testing.TB
}

func newMachine(t testing.TB) machine {
	t.Helper()
	x, err := executor.New(executor.Config{Sandbox: &sandboxtest.Fake{}, StateDir: t.TempDir(),
		Capacity: executor.Capacity{CPUMilli: 8000, Memory: 8 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	return machine{x, t}
}

// run runs hog words (see sandboxtest) with some memory and returns the id.
func (m machine) run(name string, words ...string) string {
	m.t.Helper()
	task := executor.Task{Name: name, Command: append([]string{"hog"}, words...)}
	task.Resources.Memory.Request = "64Mi"
	r, _ := m.Run(context.Background(), task) // its verdict is what is listed
	if len(r.Attempts) == 0 {
		m.t.Fatalf("%s: %s", name, r.Verdict.Message)
	}
	return r.ID
}

func (m machine) dir(id string) string { return filepath.Join(m.StateDir(), "tasks", id) }

// copies makes n more tasks that look like the one with the id.
func (m machine) copies(id string, n int) (ids []string) {
	m.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(m.dir(id), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(m.dir(id), path)
		files[name] = string(data)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	for range n {
		other, err := state.NewID()
		if err != nil {
			m.t.Fatal(err)
		}
		for name, text := range files {
			path := filepath.Join(m.dir(other), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				m.t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, id, other)), 0o600); err != nil {
				m.t.Fatal(err)
			}
		}
		ids = append(ids, other)
	}
	return ids
}

// open opens the history, without warnings.
func (m machine) open() *Index {
	m.t.Helper()
	x, err := Open(context.Background(), m.StateDir(), func(string) bool { return false })
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = x.Close() })
	return x
}

// list lists with a history of its own, which has the given warning ("": none).
func (m machine) list(f Filter, warning string) []Task {
	m.t.Helper()
	x := m.open()
	defer func() {
		if err := x.Close(); err != nil {
			m.t.Error(err)
		}
	}()
	tasks, err := x.List(context.Background(), f)
	if err != nil {
		m.t.Fatal(err)
	}
	if got := strings.Join(x.Warnings(), "\n"); warning == "" && got != "" || !strings.Contains(got, warning) {
		m.t.Errorf("warnings %q, want %q", got, warning)
	}
	return tasks
}

func idsOf(tasks []Task) (ids []string) {
	for _, t := range tasks {
		ids = append(ids, t.ID)
	}
	return ids
}
