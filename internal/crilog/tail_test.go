// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeLog(t testing.TB, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for i, l := range lines {
		fmt.Fprintf(&b, "2026-01-02T03:04:%02d.000000000Z %s\n", i%60, l)
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rotatedLog is writeLog with so many lines in a file.
func rotatedLog(t testing.TB, per int, lines ...string) string {
	t.Helper()
	path := writeLog(t, lines...)
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stamped := strings.SplitAfter(string(all), "\n")
	stamped = stamped[:len(stamped)-1]
	for n := 1; len(stamped) > 0; n++ {
		name, end := Rotated(path, n), min(per, len(stamped))
		if end == len(stamped) {
			name = path
		}
		if err := os.WriteFile(name, []byte(strings.Join(stamped[:end], "")), 0o600); err != nil {
			t.Fatal(err)
		}
		stamped = stamped[end:]
	}
	return path
}

// tail is what the last n lines are, by Tail.
func tail(t testing.TB, path string, n int, stream string) string {
	t.Helper()
	from, err := Tail(path, n, stream)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	close(ended)
	var got []string
	err = FollowFrom(context.Background(), path, from, ended, func(lines []Line) error {
		for _, l := range lines {
			if stream == "" || l.Stream == stream {
				got = append(got, l.Text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, "|")
}

func TestTail(t *testing.T) {
	long := strings.Repeat("x", backwardBlock)
	for _, tc := range []struct {
		name   string
		lines  []string
		n      int
		stream string
		want   string
	}{
		{"some", []string{"stdout F a", "stdout F b", "stdout F c"}, 2, "", "b|c"},
		{"all", []string{"stdout F a", "stdout F b"}, 2, "", "a|b"},
		{"more than there are", []string{"stdout F a"}, 9, "", "a"},
		{"none", []string{"stdout F a"}, 0, "", ""},
		{"an empty log", nil, 3, "", ""},
		{"pieces are one line", []string{"stdout F a", "stdout P b", "stdout P b", "stdout F b", "stdout F c"}, 2, "", "bbb|c"},
		{"an open line counts", []string{"stdout F a", "stdout F b", "stdout P c", "stdout P c"}, 2, "", "b|cc"},
		{"an empty line counts", []string{"stdout F a", "stdout F ", "stdout F c"}, 2, "", "|c"},
		{"one stream", []string{"stdout F a", "stderr F x", "stdout F b", "stderr F y", "stderr F z"}, 1, "stdout", "b"},
		{"over blocks", []string{"stdout F a", "stdout F " + long, "stdout F c"}, 2, "", long + "|c"},
		{"torn", []string{"stdout F a", "torn", "stdout F c"}, 1, "", "c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tail(t, writeLog(t, tc.lines...), tc.n, tc.stream); got != tc.want {
				t.Errorf("got %.80q, want %.80q", got, tc.want)
			}
			for per := 1; per <= 3; per++ {
				if got := tail(t, rotatedLog(t, per, tc.lines...), tc.n, tc.stream); got != tc.want {
					t.Errorf("in files of %d lines: got %.80q, want %.80q", per, got, tc.want)
				}
			}
		})
	}
	if from, err := Tail(filepath.Join(t.TempDir(), "none"), 3, ""); from != (Position{}) || err != nil {
		t.Errorf("a log that is not there: %v, %v", from, err)
	}
}

func TestEnd(t *testing.T) {
	lines := []string{"stdout F a", "stdout F b", "stdout F c"}
	one := len(stamp + " stdout F a\n")
	for most, want := range map[int]string{0: "", one - 1: "", one: "c", one + 1: "c", 2 * one: "bc", 10 * one: "abc"} {
		for per := 1; per <= 3; per++ {
			end, err := End(rotatedLog(t, per, lines...), int64(most))
			var got strings.Builder
			for line := range strings.Lines(string(end)) {
				got.WriteString(line[len(line)-2 : len(line)-1])
			}
			if got.String() != want || err != nil {
				t.Errorf("%d bytes, %d lines in a file: %q, %v, want %q", most, per, end, err, want)
			}
		}
	}
	if end, err := End(filepath.Join(t.TempDir(), "none"), 9); len(end) > 0 || err != nil {
		t.Errorf("no log: %q, %v", end, err)
	}
}

// Whatever the pieces, the last n lines are the last n of all.
func FuzzTail(f *testing.F) {
	f.Add("FPPF", 2)
	f.Add("PPPP", 1)
	f.Add("", 3)
	f.Fuzz(func(t *testing.T, tags string, n int) {
		if len(tags) > 200 || n < 0 || n > 200 {
			return
		}
		var lines []string
		var want []string
		open := false
		for i, tag := range tags {
			text := fmt.Sprint(i)
			if !open {
				want = append(want, "")
			}
			want[len(want)-1] += text
			if open = tag != 'F'; open {
				lines = append(lines, "stdout P "+text)
			} else {
				lines = append(lines, "stdout F "+text)
			}
		}
		want = want[max(0, len(want)-n):]
		if got := tail(t, writeLog(t, lines...), n, ""); got != strings.Join(want, "|") {
			t.Errorf("%q, %d: got %q, want %q", tags, n, got, strings.Join(want, "|"))
		}
	})
}
