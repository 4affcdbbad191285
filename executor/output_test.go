// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// pieces feeds chunks to a runes and returns what comes out, flush included.
func pieces(chunks ...string) []string {
	var r runes
	var out []string
	for _, c := range chunks {
		if p := r.add([]byte(c)); p != nil {
			out = append(out, string(p))
		}
	}
	if p := r.flush(); len(p) > 0 {
		out = append(out, string(p))
	}
	return out
}

func TestRunes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		chunks []string
		want   []string
	}{
		{"nothing", []string{""}, nil},
		{"text", []string{"abc", "def"}, []string{"abc", "def"}},
		{"two bytes apart", []string{"\xc3", "\xa9"}, []string{"é"}},
		{"four bytes apart", []string{"\xf0", "\x9d", "\x84", "\x9e!"}, []string{"𝄞!"}},
		{"text before a split", []string{"ab\xe2\x9c", "\x93cd"}, []string{"ab", "✓cd"}},
		{"split across an empty chunk", []string{"\xe2", "", "\x9c\x93"}, []string{"✓"}},
		{"never completed", []string{"ab\xe2\x9c"}, []string{"ab", "\xe2\x9c"}},
		{"begun and not continued", []string{"\xe2", "ab"}, []string{"\xe2ab"}},
		{"no UTF-8", []string{"\xff\xfe"}, []string{"\xff\xfe"}},
		{"continuation bytes alone", []string{"\x80\x80\x80\x80"}, []string{"\x80\x80\x80\x80"}},
		{"overlong", []string{"\xc0\x80"}, []string{"\xc0\x80"}},
		{"NUL", []string{"a\x00b"}, []string{"a\x00b"}},
	} {
		t.Run(tc.name, func(t *testing.T) { diff(t, tc.want, pieces(tc.chunks...)) })
	}
}

// What goes in comes out, however it is cut; and valid text comes in valid
// pieces.
func FuzzRunes(f *testing.F) {
	f.Add("é✓日本𝄞\n", uint8(1))
	f.Add("\xff\xfe\xc3", uint8(2))
	f.Add("ab\xf0\x9d\x84", uint8(3))
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		var chunks []string
		for c := range slices.Chunk([]byte(text), int(width)%7+1) {
			chunks = append(chunks, string(c))
		}
		got := pieces(chunks...)
		if strings.Join(got, "") != text {
			t.Fatalf("%q came out as %q", text, got)
		}
		if !utf8.ValidString(text) {
			return
		}
		for _, p := range got {
			if !utf8.ValidString(p) {
				t.Fatalf("%q was cut within a character: %q", text, got)
			}
		}
	})
}

// A writer's buffer is its own again after Write; what was sent stays.
func TestOutputKeepsACopy(t *testing.T) {
	var sent []*Output
	w := &outputEvents{stream: Stdout, emit: func(e Event) { sent = append(sent, e.Output) }}
	buffer := []byte("ab\xc3")
	for range 2 {
		if n, err := w.Write(buffer); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		copy(buffer, "\xa9zz")
	}
	w.flush()
	var all bytes.Buffer
	for _, o := range sent {
		all.Write(o.Data)
	}
	if all.String() != "abézz" {
		t.Errorf("got %q", all.String())
	}
}
