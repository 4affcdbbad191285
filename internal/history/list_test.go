// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"drydock/executor"
	"drydock/internal/state"
)

// What the file gives back is what the directories say, in every field.
func TestListFromFile(t *testing.T) {
	m := newMachine(t)
	m.run("good", "out", "hello")
	m.run("bad", "exit", "3")
	m.run("eater", "touch", "300")
	none := func(string) bool { return false }
	byDirectory := &Index{state: mustOpen(t, m.StateDir()), alive: none}
	want, err := byDirectory.List(context.Background(), Filter{})
	if err != nil || len(want) != 3 {
		t.Fatalf("%d tasks, %v", len(want), err)
	}
	for i := range want { // the file keeps nanoseconds, and no monotonic clock or zone
		want[i].Begun, want[i].EndedAt = want[i].Begun.UTC(), want[i].EndedAt.UTC()
		for j := range want[i].Attempts {
			a := &want[i].Attempts[j]
			a.StartedAt, a.EndedAt = a.StartedAt.UTC(), a.EndedAt.UTC()
		}
	}
	diff(t, want, m.list(Filter{}, "")) // fills the file
	if err := os.RemoveAll(filepath.Join(m.dir(want[0].ID), "attempts")); err != nil {
		t.Fatal(err)
	}
	diff(t, want, m.list(Filter{}, "")) // and was not read again
}

func mustOpen(t testing.TB, root string) *state.Dir {
	t.Helper()
	d, err := state.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Both ways to list obey the filter alike.
func TestListFilter(t *testing.T) {
	m := newMachine(t)
	good := m.run("good", "out", "1")
	bad := m.run("bad", "exit", "3")
	last := m.run("good", "out", "2")
	waits := begun(t, m)
	for _, tc := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"all", Filter{}, []string{waits, last, bad, good}},
		{"limit spares what waits", Filter{Limit: 1}, []string{waits, last}},
		{"ended", Filter{Statuses: []Status{Ended}}, []string{last, bad, good}},
		{"queued", Filter{Statuses: []Status{Queued}}, []string{waits}},
		{"running", Filter{Statuses: []Status{Running}}, nil},
		{"failed", Filter{Classes: []executor.Class{executor.Failed}}, []string{bad}},
		{"failed or queued", Filter{Statuses: []Status{Queued}, Classes: []executor.Class{executor.Failed}}, []string{waits, bad}},
		{"the newest success", Filter{Classes: []executor.Class{executor.Succeeded}, Limit: 1}, []string{last}},
		{"no such end", Filter{Classes: []executor.Class{executor.Timeout}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			diff(t, tc.want, idsOf(m.list(tc.f, "")))
			byDirectory := &Index{state: mustOpen(t, m.StateDir()), alive: func(string) bool { return false }}
			tasks, err := byDirectory.List(context.Background(), tc.f)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, tc.want, idsOf(tasks))
		})
	}
}

// begun is a task that somebody has just begun, and holds.
func begun(t *testing.T, m machine) string {
	t.Helper()
	id, err := state.NewID()
	if err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, m.StateDir())
	dir, err := d.CreateTask(id)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := d.LockTask(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	doc := map[string]any{"version": 1, "id": id, "name": "waits", "time": time.Now().UTC(), "command": []string{"true"}}
	if err := state.WriteJSON(filepath.Join(dir, state.TaskFile), doc); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestStatus(t *testing.T) {
	m := newMachine(t)
	ended := m.run("ended", "out", "x")
	read := func(id string, alive bool) Task {
		t.Helper()
		x := &Index{state: mustOpen(t, m.StateDir()), alive: func(string) bool { return alive }}
		task, err := x.Read(id)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	remove := func(id string, names ...string) string {
		t.Helper()
		for _, name := range names {
			if err := os.Remove(filepath.Join(m.dir(id), name)); err != nil {
				t.Fatal(err)
			}
		}
		return id
	}
	copied := func(names ...string) string { return remove(m.copies(ended, 1)[0], names...) }
	for _, tc := range []struct {
		name  string
		id    string
		alive bool
		want  Status
		class executor.Class
	}{
		{"recorded", ended, false, Ended, executor.Succeeded},
		{"recorded, and its supervisor cleans up", ended, true, Ended, executor.Succeeded},
		{"only judged", copied("ended.json"), false, Ended, executor.Succeeded},
		{"not even judged", copied("ended.json", "attempts/1/verdict.json"), false, Ended, executor.Succeeded},
		{"it runs", copied("ended.json", "attempts/1/verdict.json", "attempts/1/outcome.json"), true, Running, ""},
		{"its supervisor was killed", copied("ended.json", "attempts/1/verdict.json", "attempts/1/outcome.json"), false, Lost, ""},
		{"somebody has it", begun(t, m), false, Queued, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(tc.id, tc.alive)
			if got.Status != tc.want || got.Class != tc.class {
				t.Errorf("%s, %q; want %s, %q", got.Status, got.Class, tc.want, tc.class)
			}
		})
	}
}

// A task whose directory is gone is gone from the file.
func TestForget(t *testing.T) {
	m := newMachine(t)
	first, second := m.run("a", "out", "1"), m.run("b", "out", "2")
	diff(t, []string{second, first}, idsOf(m.list(Filter{}, "")))
	if err := mustOpen(t, m.StateDir()).RemoveTask(first); err != nil {
		t.Fatal(err)
	}
	diff(t, []string{second}, idsOf(m.list(Filter{}, "")))
	x := m.open()
	known, err := knownIDs(context.Background(), x.db)
	if err != nil || len(known) != 1 {
		t.Errorf("the file knows %v, %v", known, err)
	}
}

// Nobody but the owner reads what tasks were given.
func TestPrivate(t *testing.T) {
	m := newMachine(t)
	m.run("a", "out", "1")
	m.list(Filter{}, "")
	x := m.open() // the log and the shared memory are there while somebody has it open
	if _, err := x.List(context.Background(), Filter{}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(m.StateDir(), FileName+"*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
}

func TestParseFilter(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Filter
		err  string
	}{
		{"running", Filter{Statuses: []Status{Running}}, ""},
		{"running, OOM,failed", Filter{Statuses: []Status{Running}, Classes: []executor.Class{executor.OOM, executor.Failed}}, ""},
		{"", Filter{}, "neither"},
		{"running,,oom", Filter{}, "neither"},
		{"asleep", Filter{}, `"asleep" is neither a status nor a verdict; accepted: running, queued, ended, lost, succeeded`},
	} {
		got, err := ParseFilter(tc.text)
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%q: error %v, want %q", tc.text, err, tc.err)
		}
		diff(t, tc.want, got)
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("running,oom")
	f.Add(" ,")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseFilter(text)
		if err != nil {
			return
		}
		// What is taken consists of known words, as many as were written.
		if n := len(got.Statuses) + len(got.Classes); n != strings.Count(text, ",")+1 {
			t.Errorf("%q: %d words", text, n)
		}
		for _, s := range got.Statuses {
			if !slices.Contains(Statuses, s) {
				t.Errorf("%q: %s", text, s)
			}
		}
	})
}

// A path may hold what means something in a URL.
func TestOddPath(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a ?mode=ro#%41&b")
	x, err := Open(context.Background(), root, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, FileName)); err != nil || len(x.Warnings()) > 0 {
		t.Errorf("%v, %v", err, x.Warnings())
	}
}

// A task whose directory cannot be looked into hides no other.
func TestListUnreadable(t *testing.T) {
	m := newMachine(t)
	hidden, seen := m.run("hidden", "exit", "0"), m.run("seen", "exit", "0")
	x := m.open()
	for dir := m.dir(seen); len(dir) >= len(m.StateDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(m.dir(hidden), 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // root looks into everything
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	}
	task, ok, err := x.entry(t.Context(), hidden)
	if err != nil || !ok || task.Status != Lost || len(task.Problems) != 1 || !strings.Contains(task.Problems[0], "permission denied") || task.Begun.IsZero() {
		t.Errorf("%+v, %v, %v", task, ok, err)
	}
	if len(x.Unsettled()) != 0 {
		t.Errorf("to be settled: %v", x.Unsettled())
	}
}
