// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file of the directory is locked, complete and for everybody to read, and
// takes nobody's place. Nothing stays of one that was never finished.
func TestKeep(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	dir := Leases(t.TempDir())
	drafted := 0
	f, err := dir.Keep("one", map[string]int{"n": 1}, func() {
		drafted++
		if entries, err := os.ReadDir(string(dir)); err != nil || len(entries) > 0 {
			t.Errorf("before it is complete there is %v, %v", entries, err)
		}
	})
	if err != nil || drafted != 1 {
		t.Fatalf("drafted %d times, %v", drafted, err)
	}
	defer f.Close()
	text, err := os.ReadFile(dir.Path("one"))
	info, statErr := os.Stat(dir.Path("one"))
	if err = errors.Join(err, statErr); err != nil || string(text) != "{\"n\":1}\n" || info.Mode().Perm() != 0o644 || !dir.Held("one") {
		t.Errorf("it holds %q, %v, held %v, %v", text, info, dir.Held("one"), err)
	}
	if f, err := dir.Keep("one", nil, func() {}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another's place: %v, %v", f, err)
	}
}

// On a file system that knows no nameless files those who tidy up may find a
// draft before it is locked: whoever gets one has one that is there, and his.
func TestDraftIsTidied(t *testing.T) {
	dir := Leases(t.TempDir())
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			names, _ := filepath.Glob(dir.Path(DraftPrefix + "*"))
			for _, name := range names {
				f, err := os.Open(name)
				if err != nil {
					continue
				}
				if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
					_ = os.Remove(name)
				}
				f.Close()
			}
		}
	}()
	for range 300 {
		f, err := dir.namedDraft()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Link(f.Name(), dir.Path("it")); err != nil {
			t.Fatal(err)
		}
		if !dir.Held("it") {
			t.Error("it is not locked")
		}
		if err := errors.Join(os.Remove(f.Name()), os.Remove(dir.Path("it")), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	close(quit)
	<-done
}
