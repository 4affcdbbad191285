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

// tail is what the last n lines are, by TailOffset.
func tail(t testing.TB, path string, n int, stream string) string {
	t.Helper()
	offset, err := TailOffset(path, n, stream)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	close(ended)
	var got []string
	err = FollowFrom(context.Background(), path, offset, ended, func(lines []Line) error {
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

func TestTailOffset(t *testing.T) {
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
		})
	}
	if offset, err := TailOffset(filepath.Join(t.TempDir(), "none"), 3, ""); offset != 0 || err != nil {
		t.Errorf("a log that is not there: %d, %v", offset, err)
	}
}

// Whatever the pieces, the last n lines are the last n of all.
func FuzzTailOffset(f *testing.F) {
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
