// SPDX-License-Identifier: Apache-2.0

package provide

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// own gives the test a cache directory of its own.
func own(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

func TestDirIsMadeOnce(t *testing.T) {
	own(t)
	var calls atomic.Int32
	fill := func(_ context.Context, dir string) error {
		calls.Add(1)
		time.Sleep(50 * time.Millisecond)
		return os.WriteFile(filepath.Join(dir, "file"), nil, 0o644)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := Dir(t.Context(), "thing", []string{"a", "b"}, fill)
			if err == nil {
				_, err = os.Stat(filepath.Join(dir, "file"))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("made %d times, want once", n)
	}
	if _, err := Dir(t.Context(), "thing", []string{"ab"}, fill); err != nil || calls.Load() != 2 {
		t.Errorf("other words: made %d times, want twice (%v)", calls.Load(), err)
	}
}

func TestDirAfterFailure(t *testing.T) {
	own(t)
	broken := errors.New("broken")
	if _, err := Dir(t.Context(), "thing", nil, func(_ context.Context, dir string) error {
		return errors.Join(broken, os.WriteFile(filepath.Join(dir, "half"), nil, 0o644))
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	dir, err := Dir(t.Context(), "thing", nil, func(context.Context, string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("of the failure there is left: %v, %v", left, err)
	}
}

func TestLockIsGivenUpWithContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	unlock()
	if unlock, err = Lock(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	unlock()
}
