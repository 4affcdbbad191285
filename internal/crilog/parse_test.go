// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const stamp = "2026-01-02T03:04:05.000000006Z"

var at = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func TestParser(t *testing.T) {
	long := strings.Repeat("é", MaxText) // 2 bytes each
	out := func(text string) Line { return Line{Time: at, Stream: "stdout", Text: text} }
	part := func(text string) Line { return Line{Time: at, Stream: "stdout", Text: text, Partial: true} }
	for _, tt := range []struct {
		name string
		log  string // @ stands for the time, | for a moment without news
		want []Line
	}{
		{"lines", "@ stdout F one\n@ stderr F two\n", []Line{out("one"), {Time: at, Stream: "stderr", Text: "two"}}},
		{"pieces are joined", "@ stdout P on\n@ stdout P e\n@ stdout F \n", []Line{out("one")}},
		{"streams do not mix", "@ stdout P on\n@ stderr F x\n@ stdout F e\n", []Line{{Time: at, Stream: "stderr", Text: "x"}, out("one")}},
		{"empty line", "@ stdout F \n", []Line{out("")}},
		{"a prompt is shown while it stands", "@ stdout P sure? \n|@ stdout F yes\n", []Line{part("sure? "), out("yes")}},
		{"a prompt that ends the log gets its line's end", "@ stdout P sure? \n|", []Line{part("sure? "), out("")}},
		{"unfinished at the end", "@ stdout P sure? \n", []Line{out("sure? ")}},
		{"tags after a colon", "@ stdout F:x one\n", []Line{out("one")}},
		{"spaces and tabs stay", "@ stdout F   a\t b \n", []Line{out("  a\t b ")}},
		{"carriage returns stay", "@ stdout F 10%\r20%\n", []Line{out("10%\r20%")}},
		{"not UTF-8", "@ stdout F a\xff\xfeb\n", []Line{out("a\uFFFDb")}},
		{"a character cut in two", "@ stdout P \xc3\n@ stdout F \xa9\n", []Line{out("é")}},
		{"a character cut in two by a pause", "@ stdout P x\xc3\n|@ stdout F \xa9\n", []Line{part("x"), out("é")}},
		{"torn line", "@ stdout F one\n@ std", []Line{out("one"), {Time: at, Text: stamp + " std"}}},
		{"not the format", "hello\n", []Line{{Text: "hello"}}},
		{"unknown tag, stream and time", "@ stdout X a\n@ stdin F a\nyesterday stdout F a\n", []Line{
			{Text: stamp + " stdout X a"}, {Text: stamp + " stdin F a"}, {Text: "yesterday stdout F a"}}},
		{"huge line", "@ stdout F " + long + "\n", []Line{part(long[:MaxText]), out(long[MaxText:])}},
		{"nothing", "", nil},
	} {
		for _, step := range []int{1, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s by %d", tt.name, step), func(t *testing.T) {
				got := parse(strings.ReplaceAll(tt.log, "@", stamp), step)
				if strings.HasPrefix(tt.name, "huge") {
					got = whole(got)
					tt.want = whole(tt.want)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// parse gives the parser a log in steps.
func parse(log string, step int) (lines []Line) {
	var p Parser
	for i, moment := range strings.Split(log, "|") {
		if i > 0 {
			lines = append(lines, p.Idle()...)
		}
		for len(moment) > 0 {
			n := min(step, len(moment))
			lines = append(lines, p.Add([]byte(moment[:n]))...)
			moment = moment[n:]
		}
	}
	return append(lines, p.End()...)
}

// whole joins the pieces of lines, as a terminal would.
func whole(lines []Line) (out []Line) {
	open := false
	for _, l := range lines {
		if open {
			out[len(out)-1].Text += l.Text
		} else {
			out = append(out, Line{Time: l.Time, Stream: l.Stream, Text: l.Text})
		}
		open = l.Partial
	}
	return out
}

func FuzzParser(f *testing.F) {
	f.Add([]byte(stamp+" stdout F one\n"+stamp+" stderr P tw\n"+stamp+" stdout F \n"), uint8(3))
	f.Add([]byte(stamp+" stdout P \xc3\nnonsense\n\n"), uint8(0))
	f.Add([]byte(strings.Repeat("x", 100)), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		// The same bytes give the same lines, however they arrive.
		all := parse(strings.ReplaceAll(string(data), "|", ""), 1<<20)
		steps := parse(strings.ReplaceAll(string(data), "|", ""), int(step)+1)
		if diff := cmp.Diff(all, steps); diff != "" {
			t.Error(diff)
		}
		for _, l := range all {
			if !utf8.ValidString(l.Text) || len(l.Text) > MaxText {
				t.Errorf("line of %d bytes, valid: %v", len(l.Text), utf8.ValidString(l.Text))
			}
			if l.Partial && l.Stream != "" && len(data) < MaxText {
				t.Errorf("a short line in pieces: %q", l.Text)
			}
		}
	})
}

func BenchmarkParser(b *testing.B) {
	log := []byte(strings.Repeat(stamp+" stdout F a line of a program with some words in it\n", 1000))
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		var p Parser
		if n := len(p.Add(log)); n != 1000 {
			b.Fatal(n)
		}
	}
}
