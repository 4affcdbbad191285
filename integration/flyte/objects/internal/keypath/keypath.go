// SPDX-License-Identifier: Apache-2.0

package keypath

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxKey is the longest key in bytes, S3's limit.
	MaxKey = 1024

	// Self is the name of an object whose own path is a directory.
	Self = "%="

	empty = "%_" // the segment without characters
	more  = "%+" // at a name's end: the segment goes on in the next element

	// maxName is where a segment is broken: well below the 255 bytes that
	// Linux file systems allow, so that the mark still fits.
	maxName = 200
)

// Check says why key cannot be an object's, or nil. Refused are keys that are
// empty, longer than MaxKey bytes, not UTF-8, or that hold a character which
// XML 1.0 cannot carry (NUL, most control characters, U+FFFE, U+FFFF): such an
// object could be stored but no listing could name it.
func Check(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("a key has at least one character")
	case len(key) > MaxKey:
		return fmt.Errorf("a key has at most %d bytes, this one has %d", MaxKey, len(key))
	case !utf8.ValidString(key):
		return fmt.Errorf("a key is UTF-8")
	}
	if i := strings.IndexFunc(key, unlistable); i >= 0 {
		return fmt.Errorf("a key cannot hold a control character (byte %d)", i)
	}
	return nil
}

func unlistable(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// Encode returns the slash-separated relative path of a key that Check
// accepts. No two keys share a path, and no path has an element that is empty,
// "." or "..", or longer than 202 bytes.
func Encode(key string) string {
	var path strings.Builder
	for i, segment := range strings.Split(key, "/") {
		if i > 0 {
			path.WriteByte('/')
		}
		encodeSegment(&path, segment)
	}
	return path.String()
}

func encodeSegment(path *strings.Builder, segment string) {
	if segment == "" {
		path.WriteString(empty)
		return
	}
	var name strings.Builder
	for _, r := range segment {
		text := encodeRune(r)
		if name.Len()+len(text) > maxName {
			path.WriteString(name.String() + more + "/")
			name.Reset()
		}
		name.WriteString(text)
	}
	switch last := name.String(); last {
	case ".", "..":
		path.WriteString(strings.ReplaceAll(last, ".", "%2E"))
	default:
		path.WriteString(last)
	}
}

func encodeRune(r rune) string {
	if r < 0x20 || r == '%' || r == 0x7F {
		return fmt.Sprintf("%%%02X", r)
	}
	return string(r)
}

// Decode returns the key whose path this is. ok is false for a path that
// Encode never returns.
func Decode(path string) (key string, ok bool) {
	var b strings.Builder
	glue := true // the next name continues what stands in b
	for i, name := range strings.Split(path, "/") {
		if i > 0 && !glue {
			b.WriteByte('/')
		}
		text, goesOn, ok := DecodeName(name)
		if !ok {
			return "", false
		}
		b.WriteString(text)
		glue = goesOn
	}
	key = b.String()
	return key, !glue && Check(key) == nil && Encode(key) == path
}

// DecodeName returns the text that one path element stands for, and whether
// the segment goes on in the next element. ok is false for names that are not
// a key's: Self, and whatever somebody else put there.
func DecodeName(name string) (text string, goesOn, ok bool) {
	if name == empty {
		return "", false, true
	}
	name, goesOn = strings.CutSuffix(name, more)
	var b strings.Builder
	for rest := name; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			break
		}
		c, ok := unhex(after)
		if !ok {
			return "", false, false
		}
		b.WriteByte(c)
		rest = after[2:]
	}
	return b.String(), goesOn, b.Len() > 0
}

func unhex(s string) (byte, bool) {
	const digits = "0123456789ABCDEF"
	if len(s) < 2 {
		return 0, false
	}
	high, low := strings.IndexByte(digits, s[0]), strings.IndexByte(digits, s[1])
	return byte(high<<4 | low), high >= 0 && low >= 0
}
