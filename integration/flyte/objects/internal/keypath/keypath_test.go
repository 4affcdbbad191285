// SPDX-License-Identifier: Apache-2.0

package keypath

import (
	"path"
	"strings"
	"testing"
)

func TestEncode(t *testing.T) {
	long := strings.Repeat("x", 200)
	tests := []struct{ key, want string }{
		{"a", "a"},
		{"a/b/c.pb", "a/b/c.pb"},
		{"with space & ümläut/日本.bin", "with space & ümläut/日本.bin"},
		{"100%", "100%25"},
		{"%25", "%2525"},
		{"%=", "%25="},
		{"a/%_/b", "a/%25_/b"},
		{".", "%2E"},
		{"..", "%2E%2E"},
		{"...", "..."},
		{".hidden", ".hidden"},
		{"../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"},
		{"/", "%_/%_"},
		{"/a", "%_/a"},
		{"a/", "a/%_"},
		{"a//b", "a/%_/b"},
		{"a\nb", "a%0Ab"},
		{"del\x7f", "del%7F"},
		{long, long},
		{long + "y", long + "%+/y"},
		{long + ".", long + "%+/%2E"},
		{long + "..", long + "%+/%2E%2E"},
		{long + "/y", long + "/y"},
		{strings.Repeat("x", 199) + "é!", strings.Repeat("x", 199) + "%+/é!"},
		{strings.Repeat("x", 198) + "%!", strings.Repeat("x", 198) + "%+/%25!"},
	}
	for _, tt := range tests {
		if got := Encode(tt.key); got != tt.want {
			t.Errorf("Encode(%q) = %q, want %q", tt.key, got, tt.want)
		}
		if got, ok := Decode(tt.want); !ok || got != tt.key {
			t.Errorf("Decode(%q) = %q, %v, want %q", tt.want, got, ok, tt.key)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, p := range []string{
		"", "/", "a/", ".", "..", "a/../b", "%", "%2", "%2e", "%41", "%2E%2Ex", "%=", "a/%=", "%+", "a%+", "a%+/b", "%_%_", "%_x", "%00", "\xff",
		strings.Repeat("x", 201),
	} {
		if key, ok := Decode(p); ok {
			t.Errorf("Decode(%q) = %q, want a refusal", p, key)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, key := range []string{"a", "/", "..", "%", "a b", "tab\tnewline\n", "\x7f", strings.Repeat("é", 512)} {
		if err := Check(key); err != nil {
			t.Errorf("Check(%q) = %v", key, err)
		}
	}
	for _, key := range []string{"", "a\x00b", "\x01", "\x1b[31m", "\xff\xfe", "\uffff", strings.Repeat("x", 1025)} {
		if Check(key) == nil {
			t.Errorf("Check(%q) accepts it", key)
		}
	}
}

// Every key that is accepted has a path of its own, which stays below where it
// is put and fits a file system.
func FuzzKeyPath(f *testing.F) {
	for _, seed := range []string{
		"a/b/c.pb", "..", "../../../etc/passwd", "//", "a//b/", "%2E%2E/%=", ".", "a/./b", strings.Repeat("x", 1024),
		strings.Repeat("%", 700), strings.Repeat("é", 300), strings.Repeat("/", 1024), strings.Repeat("x", 200) + "..", "%+", "a%+/b", "\x00", "\r\n\t",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// What comes in as a path is either no key's or exactly one key's.
		if key, ok := Decode(s); ok && Encode(key) != s {
			t.Errorf("Decode(%q) = %q, whose path is %q", s, key, Encode(key))
		}
		if Check(s) != nil {
			return
		}
		p := Encode(s)
		if back, ok := Decode(p); !ok || back != s {
			t.Fatalf("Decode(Encode(%q)) = %q, %v (path %q)", s, back, ok, p)
		}
		if path.Join("/root", p) != "/root/"+p {
			t.Fatalf("Encode(%q) = %q is not a clean path", s, p)
		}
		for _, name := range strings.Split(p, "/") {
			if name == Self || len(name) > 202 || strings.ContainsRune(name, 0) {
				t.Fatalf("Encode(%q) has the element %q", s, name)
			}
		}
	})
}
