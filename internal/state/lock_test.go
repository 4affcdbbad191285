// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLockTask(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.LockTask(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock of no task: %v", err)
	}
	if _, err := d.LockTask("../x"); err == nil {
		t.Error("an id that is none has a lock")
	}
	if _, err := d.CreateTask(id); err != nil {
		t.Fatal(err)
	}
	unlock, err := d.LockTask(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.LockTask(id); !errors.Is(err, ErrLocked) {
		t.Errorf("a second hold: %v", err)
	}
	// A program that the holder started does not keep the lock.
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	unlock()
	unlock, err = d.LockTask(id)
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	unlock()
	if info, err := os.Stat(d.Task(id) + "/" + LockFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// Those who look whether a task is held do not keep it from who takes it.
func TestLockBesideLookers(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := d.CreateTask(id)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, TaskFile), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var enough atomic.Bool
	var lookers, begun sync.WaitGroup
	begun.Add(2)
	for range 2 {
		lookers.Go(func() {
			begun.Done()
			for !enough.Load() {
				if _, err := d.Held(id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	begun.Wait()
	for i := range 1000 {
		unlock, err := d.LockTask(id)
		if err != nil {
			t.Errorf("try %d: %v", i, err)
			continue
		}
		unlock()
	}
	enough.Store(true)
	lookers.Wait()
}
