// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// texts collects what Follow hands on.
func follow(t *testing.T, ctx context.Context, path string, ended <-chan struct{}) (<-chan string, <-chan error) {
	t.Helper()
	lines, done := make(chan string, 10_000), make(chan error, 1)
	go func() {
		done <- Follow(ctx, path, ended, func(batch []Line) error {
			for _, l := range batch {
				lines <- l.Text
			}
			return nil
		})
		close(lines)
	}()
	return lines, done
}

func next(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	select {
	case got, ok := <-lines:
		if !ok || got != want {
			t.Fatalf("next line = %q, %v, want %q", got, ok, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%q never came", want)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.ReplaceAll(text, "@", stamp)); err != nil {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ended := make(chan struct{})
	lines, done := follow(t, t.Context(), path, ended)
	time.Sleep(2 * poll) // the file is not there yet
	appendTo(t, path, "@ stdout F one\n@ stdout F two\n")
	next(t, lines, "one")
	next(t, lines, "two")
	appendTo(t, path, "@ stdout P go on? \n")
	next(t, lines, "go on? ")
	appendTo(t, path, "@ stdout F yes\n")
	next(t, lines, "yes")
	appendTo(t, path, "@ stdout F last\n@ stdout P torn")
	close(ended)
	next(t, lines, "last")
	next(t, lines, "torn")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A line is seen soon after it was written, also when none has come for long.
func TestFollowIsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		appendTo(t, path, "@ stdout F first\n")
		ended := make(chan struct{})
		lines, _ := follow(t, t.Context(), path, ended)
		next(t, lines, "first")
		for range 5 {
			time.Sleep(10*poll + time.Millisecond)
			begin := time.Now()
			appendTo(t, path, "@ stdout F x\n")
			next(t, lines, "x")
			if took := time.Since(begin); took > poll {
				t.Errorf("a line took %v", took)
			}
		}
		close(ended)
	})
}

func TestFollowOfWhatEnded(t *testing.T) {
	dir := t.TempDir()
	ended := make(chan struct{})
	close(ended)
	lines, done := follow(t, t.Context(), filepath.Join(dir, "none"), ended)
	if err := <-done; err != nil || len(lines) != 0 {
		t.Errorf("a log that never was: %v, %d lines", err, len(lines))
	}
	path := filepath.Join(dir, "log")
	var want []string
	for range 3000 {
		want = append(want, strings.Repeat("x", 1000))
	}
	appendTo(t, path, stamp+" stdout F "+strings.Join(want, "\n"+stamp+" stdout F ")+"\n")
	lines, done = follow(t, t.Context(), path, ended)
	if err := <-done; err != nil {
		t.Error(err)
	}
	var got []string
	for l := range lines {
		got = append(got, l)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

func TestFollowFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	appendTo(t, path, "@ stdout F one\n")
	open := make(chan struct{})
	boom := errors.New("boom")
	if err := Follow(t.Context(), path, open, func([]Line) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("f's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range []string{path, filepath.Join(dir, "none")} {
		if err := Follow(ctx, p, open, func([]Line) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if err := Follow(t.Context(), dir, open, func([]Line) error { return nil }); err == nil {
		t.Error("a directory is followed")
	}
}
