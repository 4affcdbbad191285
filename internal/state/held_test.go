// SPDX-License-Identifier: Apache-2.0

//go:build linux

package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// newTask makes a task with a task.json.
func newTask(t *testing.T, d *Dir) string {
	t.Helper()
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := d.CreateTask(id)
	if err == nil {
		err = WriteJSON(filepath.Join(dir, TaskFile), map[string]int{"version": 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func openTemp(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Looking says who has a task, and takes it from nobody.
func TestHeld(t *testing.T) {
	d := openTemp(t)
	id := newTask(t, d)
	want := func(held bool, pid int) {
		t.Helper()
		got, err := d.Held(id)
		if err != nil || got != held {
			t.Errorf("held %v, %v; want %v", got, err, held)
		}
		holder, err := d.Holder(id)
		if err != nil || holder != pid {
			t.Errorf("holder %d, %v; want %d", holder, err, pid)
		}
	}
	want(false, 0) // no lock file yet
	unlock, err := d.LockTask(id)
	if err != nil {
		t.Fatal(err)
	}
	want(true, os.Getpid())
	unlock()
	want(false, 0)
	if unlock, err = d.LockTask(id); err != nil {
		t.Errorf("after looking: %v", err)
	}
	unlock()
}

// A task that is just being made counts as held: its maker locks it before
// anybody may look at the lock.
func TestHeldWhileMade(t *testing.T) {
	d := openTemp(t)
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Held(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no task: %v", err)
	}
	dir, err := d.CreateTask(id)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := d.Held(id); !held || err != nil {
		t.Errorf("while it is made: %v, %v", held, err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
	if held, err := d.Held(id); held || err != nil {
		t.Errorf("when its maker was killed: %v, %v", held, err)
	}
}

func TestRemoveTask(t *testing.T) {
	d := openTemp(t)
	id := newTask(t, d)
	unlock, err := d.LockTask(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveTask(id); !errors.Is(err, ErrLocked) {
		t.Errorf("while it is held: %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.Task(id), TaskFile)); err != nil {
		t.Errorf("it was touched: %v", err)
	}
	unlock()
	if err := d.RemoveTask(id); err != nil {
		t.Error(err)
	}
	if err := d.RemoveTask(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("twice: %v", err)
	}
	entries, err := os.ReadDir(d.tasks())
	if err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// What a prune that was killed left is no task, and the next one removes it.
func TestRemovePruned(t *testing.T) {
	d := openTemp(t)
	id := newTask(t, d)
	if err := os.Rename(d.Task(id), filepath.Join(d.tasks(), prunedPrefix+id)); err != nil {
		t.Fatal(err)
	}
	if ids, err := d.TaskIDs(); err != nil || len(ids) != 0 {
		t.Errorf("tasks %v, %v", ids, err)
	}
	if err := d.RemovePruned(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(d.tasks())
	if err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestIDTime(t *testing.T) {
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	if ago := time.Since(IDTime(id)); ago < -time.Second || ago > time.Minute {
		t.Errorf("%s was made %s ago", id, ago)
	}
	if !IDTime("no id").IsZero() {
		t.Error("of no id")
	}
}
