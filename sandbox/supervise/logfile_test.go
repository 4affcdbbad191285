// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"drydock/internal/crilog"
	"drydock/internal/need"
	"drydock/sandbox"
)

func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := openLog(path, sandbox.LogKeep{})
	l.write("stdout", []byte("one\ntwo"))
	l.write("stderr", []byte("\xff\n\n"))
	l.write("stdout", []byte(" more\n"))
	if text := l.close(); text != "" {
		t.Fatal(text)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z `).ReplaceAllString(string(data), "")
	want := "stdout F one\nstdout P two\nstderr F \xff\nstderr F \nstdout F  more\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What could not be written is told.
func TestLogFileCannotBe(t *testing.T) {
	l := openLog(filepath.Join(t.TempDir(), "no", "log"), sandbox.LogKeep{})
	l.write("stdout", []byte("lost"))
	if text := l.close(); !strings.Contains(text, "no such file") || !strings.Contains(text, "4 B of output") {
		t.Errorf("close = %q", text)
	}
}

// linesOf are the lines that are kept of a log, as package crilog reads them.
func linesOf(t *testing.T, path string) (texts, notes []string) {
	t.Helper()
	ended := make(chan struct{})
	close(ended)
	err := crilog.Follow(t.Context(), path, ended, func(lines []crilog.Line) error {
		for _, l := range lines {
			if l.Note {
				notes = append(notes, l.Text)
			} else {
				texts = append(texts, l.Text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts, notes
}

// A task that prints without end keeps its last files, whole lines of them,
// and what is gone is told.
func TestLogFileRotates(t *testing.T) {
	const size, files, lines = 4096, 3, 1000
	path := filepath.Join(t.TempDir(), "log")
	l := openLog(path, sandbox.LogKeep{MaxSize: size, MaxFiles: files})
	for i := range lines / 10 {
		var piece strings.Builder // it lies in two files now and then
		for j := range 10 {
			fmt.Fprintf(&piece, "%d\n", i*10+j)
		}
		l.write("stdout", []byte(piece.String()))
		kept, err := crilog.Kept(path)
		if err != nil || len(kept) >= files {
			t.Fatalf("after %d lines there are %v and the newest, %v", i*10, kept, err)
		}
	}
	gone := l.close()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != files {
		t.Errorf("%v are kept, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Size() > size || info.Size() < size/2 && e.Name() != "log" {
			t.Errorf("%s is not full, or more than that: %v, %v", e.Name(), info, err)
		}
	}
	texts, notes := linesOf(t, path)
	for i, text := range texts {
		if want := fmt.Sprint(lines - len(texts) + i); text != want {
			t.Fatalf("line %d of what is kept is %q, want %q", i, text, want)
		}
	}
	if len(texts) < (files-1)*size/64 || len(texts) == lines {
		t.Errorf("%d lines are kept", len(texts))
	}
	if len(notes) != 1 || !strings.Contains(gone, "3 files of 4Ki") || !strings.Contains(gone, "oldest") {
		t.Errorf("it is told that %q, and on reading %q", gone, notes)
	}
}

// On a full disk the log loses what does not fit, never half a line, and goes
// on when there is room again.
func TestLogFileOnAFullDisk(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	path, ballast := filepath.Join(dir, "log"), filepath.Join(dir, "ballast")
	l := openLog(path, sandbox.LogKeep{})
	line := []byte(strings.Repeat("x", 10<<10) + "\n")
	l.write("stdout", []byte("first\n"))
	if err := os.WriteFile(ballast, make([]byte, 192<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		l.write("stdout", line)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.write("stdout", []byte("last\n"))
	told := l.close()
	texts, _ := linesOf(t, path)
	for _, text := range texts[1 : len(texts)-1] {
		if len(text) != len(line)-1 {
			t.Errorf("a line of %d bytes is torn", len(text))
		}
	}
	if texts[0] != "first" || texts[len(texts)-1] != "last" || len(texts) > 15 || !strings.Contains(told, "no space left") {
		t.Errorf("%d lines from %.20q to %.20q are kept, and it is told that %q", len(texts), texts[0], texts[len(texts)-1], told)
	}
}
