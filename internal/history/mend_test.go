// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
)

// Whatever became of the file, the history is whole, and the person is told
// where the old one is.
func TestDamaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, path string)
	}{
		{"no database", func(t *testing.T, path string) { write0(t, path, strings.Repeat("no database ", 1000)) }},
		{"cut off", func(t *testing.T, path string) { check(t, os.Truncate(path, 5000)) }},
		{"a page overwritten", func(t *testing.T, path string) { overwrite(t, path, 4096*2) }},
		{"another program's tables", func(t *testing.T, path string) {
			execSQL(t, path, "DROP TABLE attempts; CREATE TABLE attempts (x)")
		}},
		{"another program's rows", func(t *testing.T, path string) {
			execSQL(t, path, "UPDATE tasks SET command = 'not json'")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine(t)
			m.copies(m.run("a", "out", "1"), 50) // several pages
			want := m.list(Filter{}, "")
			path := filepath.Join(m.StateDir(), FileName)
			tc.damage(t, path)
			diff(t, want, m.list(Filter{}, path+" was damaged"))
			diff(t, want, m.list(Filter{}, ""))
			aside, err := filepath.Glob(path + ".damaged-*")
			if err != nil || len(aside) == 0 {
				t.Errorf("the old file is not there: %v", err)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write0(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func overwrite(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	info, err := f.Stat()
	check(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("\xff", int(info.Size()-at))), at)
	check(t, errors.Join(err, f.Close()))
}

func execSQL(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	check(t, err)
	_, err = db.Exec(text)
	check(t, errors.Join(err, db.Close()))
}

// A newer drydock's file is left as it is; the history is told without it.
func TestNewer(t *testing.T) {
	m := newMachine(t)
	m.run("a", "out", "1")
	want := m.list(Filter{}, "")
	path := filepath.Join(m.StateDir(), FileName)
	execSQL(t, path, "PRAGMA user_version = 99; CREATE TABLE new (x)")
	before, err := os.ReadFile(path)
	check(t, err)
	got := m.list(Filter{}, "has version 99 and this drydock knows 2; use the drydock that wrote it")
	diff(t, idsOf(want), idsOf(got))
	after, err := os.ReadFile(path)
	check(t, err)
	if string(before) != string(after) {
		t.Error("the file was changed")
	}
}

// An older one's is emptied and filled anew.
func TestOlder(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "h.db")
	execSQL(t, path, "CREATE TABLE tasks (old); CREATE TABLE gone (x); INSERT INTO tasks VALUES (1); PRAGMA user_version = 1")
	db, err := sql.Open("sqlite", path)
	check(t, err)
	defer func() { check(t, db.Close()) }()
	check(t, prepare(ctx, db, path, 2))
	known, err := knownIDs(ctx, db)
	if err != nil || len(known) != 0 {
		t.Errorf("the file holds %v, %v", known, err)
	}
	version, err := userVersion(ctx, db)
	if err != nil || version != 2 {
		t.Errorf("version %d, %v", version, err)
	}
	if _, err := db.Exec("SELECT * FROM gone"); err == nil {
		t.Error("a table of the older version is there")
	}
}

// A full disk, and a directory of somebody else's, are told and cost nothing
// but time.
func TestFullDisk(t *testing.T) {
	need.Root(t)
	m := newMachine(t)
	m.run("a", "out", "1")
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=400k,mode=0700"); err != nil {
		need.Skip(t, "mounts", "needs the right to mount: "+err.Error())
	}
	t.Cleanup(func() { check(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	check(t, os.CopyFS(disk, os.DirFS(m.StateDir())))
	small := machine{m.Executor, t}
	filler, err := os.Create(filepath.Join(disk, "filler"))
	check(t, err)
	defer filler.Close()
	for { // to the last byte
		if _, err := filler.Write(make([]byte, 512)); err != nil {
			break
		}
	}
	want := idsOf(small.list(Filter{}, ""))
	x, err := Open(context.Background(), disk, func(string) bool { return false })
	check(t, err)
	defer x.Close()
	tasks, err := x.List(context.Background(), Filter{})
	check(t, err)
	diff(t, want, idsOf(tasks))
	if got := strings.Join(x.Warnings(), "\n"); !strings.Contains(got, "the disk is full; free some space (drydock prune)") {
		t.Errorf("warnings %q", got)
	}
}
