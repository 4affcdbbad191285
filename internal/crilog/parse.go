// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxText is the most bytes that one Line's text has.
const MaxText = 64 << 10

// maxHeader is more than any header needs: time, stream and tag.
const maxHeader = 128

// Line is a line of the program, or a piece of one.
type Line struct {
	Time    time.Time
	Stream  string // "stdout" or "stderr"; "" for what is not in the format
	Text    string // valid UTF-8, without the line's end
	Partial bool   // no line's end follows: more of the same line does
	// Note says that Text is drydock's own word: what of the log is not kept.
	Note bool
}

// Parser turns a log's bytes into lines. What belongs to one line is put
// together again, whatever the pieces it was written in, up to MaxText. The
// zero value is ready; it is not safe for concurrent use.
type Parser struct {
	raw     []byte  // of an unfinished line of the file
	cut     *header // that line's header, when the beginning of it was handed on already
	last    time.Time
	streams [2]stream // stdout, stderr
	out     []Line
}

// stream is what is known of an unfinished line of the program.
type stream struct {
	held  []byte
	since time.Time
	open  bool // a piece of it was handed on
}

type header struct {
	time   time.Time
	stream int
	full   bool
}

var streamNames = [2]string{"stdout", "stderr"}

// Add takes the next bytes of the log and returns what is complete.
func (p *Parser) Add(data []byte) []Line {
	for len(data) > 0 {
		piece, rest, whole := bytes.Cut(data, []byte{'\n'})
		p.raw = append(p.raw, piece...)
		data = rest
		switch {
		case whole:
			p.line()
		case len(p.raw) >= maxHeader+MaxText:
			p.shorten()
		}
	}
	return p.take()
}

// Idle returns the pieces that are held back in the hope of the rest of
// their line; to be called when nothing came for a while.
func (p *Parser) Idle() []Line {
	for i := range p.streams {
		p.emit(i, false, false)
	}
	return p.take()
}

// End returns what is left when the log has ended. Every line is closed then.
func (p *Parser) End() []Line {
	if len(p.raw) > 0 {
		p.line()
	}
	for i := range p.streams {
		if s := &p.streams[i]; s.open || len(s.held) > 0 {
			p.emit(i, true, true)
		}
	}
	return p.take()
}

func (p *Parser) take() []Line {
	out := p.out
	p.out = nil
	return out
}

// line handles a line of the file, which raw holds, or the rest of one.
func (p *Parser) line() {
	raw := p.raw
	p.raw = p.raw[:0]
	if h := p.cut; h != nil {
		p.cut = nil
		p.content(h, raw, h.full)
		return
	}
	h, content, ok := parseHeader(raw)
	if !ok {
		p.foreign(raw)
		return
	}
	p.content(h, content, h.full)
}

// shorten hands on the beginning of a line of the file that has become too
// long to be kept whole.
func (p *Parser) shorten() {
	h, content := p.cut, p.raw
	if h == nil {
		var ok bool
		if h, content, ok = parseHeader(p.raw); !ok {
			p.foreign(p.raw)
			p.raw = p.raw[:0]
			return
		}
		p.cut = h
	}
	p.content(h, content, false)
	p.raw = p.raw[:0]
}

// foreign passes on what is not in the format, such as a line that was torn
// when the machine went down.
func (p *Parser) foreign(raw []byte) {
	texts(raw, func(text string, last bool) {
		p.out = append(p.out, Line{Time: p.last, Text: text, Partial: !last})
	})
}

func (p *Parser) content(h *header, content []byte, end bool) {
	s := &p.streams[h.stream]
	if len(s.held) == 0 {
		s.since = h.time
	}
	p.last = h.time
	s.held = append(s.held, content...)
	if end || len(s.held) > MaxText {
		p.emit(h.stream, end, false)
	}
}

// emit hands on what a stream holds. Bytes that may be the beginning of a
// character are kept back unless the line or the log ends.
func (p *Parser) emit(i int, end, over bool) {
	s := &p.streams[i]
	held := s.held
	keep := 0
	if !end && !over {
		keep = unfinishedRune(held)
	}
	now := held[:len(held)-keep]
	if len(now) == 0 && !end {
		return
	}
	texts(now, func(text string, last bool) {
		p.out = append(p.out, Line{Time: s.since, Stream: streamNames[i], Text: text, Partial: !last || !end})
	})
	s.open = !end
	s.held = append(s.held[:0], held[len(held)-keep:]...)
}

// texts calls f with data in valid pieces of at most MaxText, at least once.
func texts(data []byte, f func(text string, last bool)) {
	text := strings.ToValidUTF8(string(data), "\uFFFD")
	for len(text) > MaxText {
		n := MaxText
		for !utf8.RuneStart(text[n]) {
			n--
		}
		f(text[:n], false)
		text = text[n:]
	}
	f(text, true)
}

// unfinishedRune returns how many bytes at the end are the beginning of a
// character whose rest is missing.
func unfinishedRune(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if b := data[len(data)-n:]; utf8.RuneStart(b[0]) {
			if utf8.FullRune(b) {
				return 0
			}
			return n
		}
	}
	return 0
}

// parseHeader splits a line of the file.
func parseHeader(raw []byte) (*header, []byte, bool) {
	stamp, rest, ok1 := bytes.Cut(raw, []byte{' '})
	name, rest, ok2 := bytes.Cut(rest, []byte{' '})
	tag, content, ok3 := bytes.Cut(rest, []byte{' '})
	if !ok1 || !ok2 || !ok3 || len(raw)-len(content) > maxHeader {
		return nil, nil, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	i := slices.Index(streamNames[:], string(name))
	if err != nil || i < 0 {
		return nil, nil, false
	}
	// The format allows further tags after a colon.
	first, _, _ := strings.Cut(string(tag), ":")
	if first != "F" && first != "P" {
		return nil, nil, false
	}
	return &header{at, i, first == "F"}, content, true
}
