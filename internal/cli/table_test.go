// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	mark := func(s string) string { return "<" + s + ">" }
	rows := [][]cell{
		{plain("ID"), plain("NAME"), plain("")},
		{plain("1"), {"näme", mark}, plain("a remark\x1b[2J")},
		{plain("22"), plain(""), plain("")},
		{plain("3"), plain("x"), {"last", mark}},
	}
	for _, tc := range []struct {
		width int
		want  string
	}{
		{0, "ID  NAME\n1   <näme>  a remark?[2J\n22\n3   x     <last>\n"},
		{15, "ID  NAME\n1   <näme>  a re…\n22\n3   x     <last>\n"},
		{9, "ID  NAME\n1   <näme>\n22\n3   x\n"},
		{3, "ID\n1\n22\n3\n"},
	} {
		got := table(rows, tc.width)
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%d (-want +got):\n%s", tc.width, d)
		}
		for _, line := range strings.Split(strings.NewReplacer("<", "", ">", "").Replace(got), "\n") {
			if n := utf8.RuneCountInString(line); tc.width > 0 && n > tc.width {
				t.Errorf("%d wide: %q", n, line)
			}
		}
	}
}

func TestHanging(t *testing.T) {
	const text = "one two three four five six seven"
	for screen, want := range map[int]string{
		0:  text,
		23: text, // no room
		24: "one two three four\n    five six seven",
		37: text,
		36: "one two three four five six\n    seven",
	} {
		if got := hanging(text, 4, screen); got != want {
			t.Errorf("%d: %q, want %q", screen, got, want)
		}
	}
}

func TestAgeText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		2 * time.Hour: "2h", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 1000 * time.Hour: "41d",
	} {
		if got := ageText(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
