// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAll reads what there is, and how many files were lost on the way.
func readAll(t testing.TB, r *Reader) (string, int) {
	t.Helper()
	var b strings.Builder
	lost, buf := 0, make([]byte, 7)
	for {
		n, err := r.Read(buf)
		b.Write(buf[:n])
		lost += r.Lost()
		if errors.Is(err, io.EOF) {
			return b.String(), lost
		}
		must(t, err)
	}
}

func put(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, name := range []string{"log", "log.2", "log.10", "log.9", "log.x", "log.03", "log.-1", "log.0", "logs.1", "log.1.gz"} {
		put(t, filepath.Join(filepath.Dir(path), name), "")
	}
	kept, err := Kept(path)
	if d := cmp.Diff([]int{2, 9, 10}, kept); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	r := Open(path, Position{})
	defer r.Close()
	check := func(want string, lost int) {
		t.Helper()
		if got, n := readAll(t, r); got != want || n != lost {
			t.Fatalf("got %q and %d files lost, want %q and %d", got, n, want, lost)
		}
	}
	check("", 0) // not there yet
	put(t, path, "one,")
	check("one,", 0)
	// It grows, and is full before anybody looked again.
	must(t, os.WriteFile(path, []byte("one, two,"), 0o600))
	must(t, os.Rename(path, Rotated(path, 1)))
	check(" two,", 0) // its successor is not there yet
	put(t, path, "three,")
	check("three,", 0)
	// Many files come and go meanwhile; the one that is open is read to its end.
	put(t, path, "three, four,")
	must(t, os.Rename(path, Rotated(path, 2)))
	for n := 3; n <= 9; n++ {
		put(t, Rotated(path, n), fmt.Sprintf("%d,", n))
	}
	for n := 1; n <= 6; n++ {
		must(t, os.Remove(Rotated(path, n)))
	}
	put(t, path, "ten,")
	check(" four,7,8,9,ten,", 4)
	must(t, os.RemoveAll(filepath.Dir(path))) // pruned under the reader
	check("", 0)
}

// A reader that comes late is told what is missing; a hole stops nobody.
func TestReaderLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for n, text := range map[int]string{4: "4,", 6: "6,"} {
		put(t, Rotated(path, n), text)
	}
	put(t, path, "7,")
	for _, tc := range []struct {
		from Position
		want string
		lost int
	}{
		{Position{}, "4,6,7,", 4}, {Position{4, 1}, ",6,7,", 1}, {Position{2, 1}, "4,6,7,", 3}, {Position{7, 2}, "", 0}, {Position{9, 0}, "", 0},
	} {
		r := Open(path, tc.from)
		if got, lost := readAll(t, r); got != tc.want || lost != tc.lost {
			t.Errorf("from %v: got %q and %d files lost, want %q and %d", tc.from, got, lost, tc.want, tc.lost)
		}
		must(t, r.Close())
	}
}

// Whatever a writer does meanwhile, a follower gets every line of the files
// that it found, in order and once, and is told what it did not find.
func TestFollowRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const files, per, keep = 300, 20, 4
	ended := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		defer close(ended)
		for n := 1; n <= files; n++ {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range per {
				fmt.Fprintf(f, "%s stdout F %d\n", stamp, (n-1)*per+i)
			}
			f.Close()
			if n < files {
				_ = os.Rename(path, Rotated(path, n))
				_ = os.Remove(Rotated(path, n-keep))
			}
		}
	})
	defer writer.Wait()
	next, lost := 0, 0
	must(t, Follow(t.Context(), path, ended, func(lines []Line) error {
		for _, l := range lines {
			if l.Note {
				n := 0
				if _, err := fmt.Sscanf(l.Text, "%d file", &n); err != nil || n == 0 {
					return fmt.Errorf("the note says %q", l.Text)
				}
				lost, next = lost+n, next+n*per
				continue
			}
			if l.Text != fmt.Sprint(next) {
				return fmt.Errorf("got line %s after %d lost files, want %d", l.Text, lost, next)
			}
			next++
		}
		return nil
	}))
	if next != files*per {
		t.Errorf("it ended at line %d of %d, %d files were lost", next, files*per, lost)
	}
}

// A line of the program that lies in two files is one line.
func TestFollowOverFiles(t *testing.T) {
	path := rotatedLog(t, 1, "stdout P a", "stderr F x", "stdout F b")
	ended := make(chan struct{})
	close(ended)
	var got []string
	must(t, Follow(t.Context(), path, ended, func(lines []Line) error {
		for _, l := range lines {
			got = append(got, l.Stream+" "+l.Text)
		}
		return nil
	}))
	if want := []string{"stderr x", "stdout ab"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
