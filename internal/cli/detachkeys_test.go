// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

func TestParseDetachKeys(t *testing.T) {
	for text, want := range map[string]string{
		defaultDetachKeys: "\x10\x11",
		"ctrl-a":          "\x01",
		"ctrl-@,x,~":      "\x00x~",
		`ctrl-[,ctrl-\`:   "\x1b\x1c",
		"ctrl-]":          "\x1d",
		"":                "error",
		"ctrl-":           "error",
		"ctrl-A":          "error",
		"ctrl-pq":         "error",
		"ab":              "error",
		"a,":              "error",
		"ä":               "error",
	} {
		keys, err := parseDetachKeys(text)
		switch {
		case want == "error":
			if err == nil || !strings.Contains(err.Error(), "accepted") {
				t.Errorf("%q: %q, %v", text, keys, err)
			}
		case err != nil || string(keys) != want:
			t.Errorf("%q: %q, %v; want %q", text, keys, err, want)
		}
	}
}

func TestDetachKeys(t *testing.T) {
	for _, tc := range []struct {
		name     string
		keys     string
		typed    []string
		on       string
		detached bool
	}{
		{"nothing of them", "\x10\x11", []string{"ls\r"}, "ls\r", false},
		{"they end it", "\x10\x11", []string{"ls\x10\x11more"}, "ls", true},
		{"in two pieces", "\x10\x11", []string{"ls\x10", "\x11"}, "ls", true},
		{"the first alone goes on late", "\x10\x11", []string{"\x10", "x"}, "\x10x", false},
		{"the first twice", "\x10\x11", []string{"\x10\x10\x11"}, "\x10", true},
		{"the last alone", "\x10\x11", []string{"\x11"}, "\x11", false},
		{"one key", "\x01", []string{"a\x01"}, "a", true},
		{"none", "", []string{"\x10\x11"}, "\x10\x11", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := detachKeys{keys: []byte(tc.keys)}
			var on []byte
			detached := false
			for _, piece := range tc.typed {
				var some []byte
				some, detached = d.pass([]byte(piece))
				on = append(on, some...)
			}
			if string(on) != tc.on || detached != tc.detached {
				t.Errorf("%q, %v; want %q, %v", on, detached, tc.on, tc.detached)
			}
		})
	}
}
