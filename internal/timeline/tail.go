// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"regexp"
	"strings"
	"unicode"

	"drydock/internal/crilog"
)

const (
	tailLines = 40       // that a report shows at most
	tailBytes = 16 << 10 // that are read of a log at most
)

// logTail is the end of an attempt's log, for one that has left no outcome.
// A log that is not there is empty.
func logTail(path string) (string, error) {
	data, err := crilog.End(path, tailBytes)
	if err != nil {
		return "", err
	}
	var p crilog.Parser
	var b strings.Builder
	for _, line := range append(p.Add(data), p.End()...) {
		b.WriteString(line.Text)
		if !line.Partial {
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

// escapes are a terminal's commands: colours, cursor moves, window titles
// (ECMA-48's control sequences and strings).
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~])")

// cleanTail makes of what a program printed what a page or a terminal can
// show: the last lines, as they stood on a terminal in the end.
func cleanTail(text string) string {
	text = escapes.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		// A progress bar returns to the line's beginning and writes it anew.
		lines[i] = strings.Map(visible, line[strings.LastIndexByte(line, '\r')+1:])
	}
	return strings.Join(lines, "\n")
}

// visible replaces characters that would do something else than show: control
// characters, and those that turn the direction of the text around.
func visible(r rune) rune {
	switch {
	case r == '\t':
		return r
	case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u2028', r == '\u2029':
		return '\uFFFD'
	}
	return r
}
