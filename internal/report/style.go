// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Style says how text may look.
type Style struct {
	Color bool // ANSI colours
}

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) Bad(text string) string  { return s.paint("1;31", text) }
func (s Style) Good(text string) string { return s.paint("1;32", text) }
func (s Style) Warn(text string) string { return s.paint("33", text) }
func (s Style) dim(text string) string  { return s.paint("2", text) }
func (s Style) bold(text string) string { return s.paint("1", text) }

const (
	labelWidth = 12 // of "  group kill  "
	valueWidth = 12
	lineWidth  = 96
)

// rows are aligned lines: a label, a value, and what there is to say about it.
type rows struct {
	style Style
	b     strings.Builder
}

// add writes one row; an empty value leaves the row out. A value without a
// remark may be as long as it likes.
func (r *rows) add(label, value, remark string) {
	if value == "" {
		return
	}
	if utf8.RuneCountInString(label) >= labelWidth {
		label += " " // not enforced
	}
	line := "  " + r.style.dim(pad(label, labelWidth))
	if remark != "" {
		value = pad(value, valueWidth)
		if utf8.RuneCountInString(value) > valueWidth {
			value += "  "
		}
	}
	fmt.Fprintf(&r.b, "%s%s%s\n", line, value, remark)
}

// text writes a row whose value is a sentence, wrapped.
func (r *rows) text(label, sentence string) {
	const indent = 2 + labelWidth
	for i, line := range wrap(sentence, lineWidth-indent) {
		if i == 0 {
			fmt.Fprintf(&r.b, "  %s%s\n", r.style.dim(pad(label, labelWidth)), line)
			continue
		}
		fmt.Fprintf(&r.b, "%*s%s\n", indent, "", line)
	}
}

func (r *rows) blank() { r.b.WriteByte('\n') }

func pad(s string, width int) string {
	if n := width - utf8.RuneCountInString(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// wrap breaks a sentence at spaces; what a person pastes stays in one piece.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range pasteable(strings.Fields(s)) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// pasteable joins the words of a call such as flyte.Resources(cpu=1, memory="1Gi").
func pasteable(words []string) []string {
	var out []string
	depth := 0
	for _, w := range words {
		if depth > 0 {
			out[len(out)-1] += " " + w
		} else {
			out = append(out, w)
		}
		if depth > 0 || strings.Contains(w, "flyte.") {
			depth = max(0, depth+strings.Count(w, "(")-strings.Count(w, ")"))
		}
	}
	return out
}

// lasted rounds a duration for people, as the executor's sentences do.
func lasted(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// oneLine keeps names that a task chose (of processes, in messages) from
// moving the cursor or breaking the report's lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

// longestPath is how much of a path a line shows: its end says most.
const longestPath = 120

// Path is a path that a task chose, fit for a line.
func Path(path string) string {
	if all := []rune(path); len(all) > longestPath {
		path = "…" + string(all[len(all)-longestPath:])
	}
	return oneLine(path)
}
