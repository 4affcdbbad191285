// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"drydock/internal/report"
)

// cell is a piece of a table; paint colours it, nil leaves it.
type cell struct {
	text  string
	paint func(string) string
}

func plain(text string) cell { return cell{text: report.OneLine(text)} }

// table lays out rows in columns; the last one takes what is left of width
// (0: as much as it needs). Texts are cut, never wrapped.
func table(rows [][]cell, width int) string {
	widths := columnWidths(rows)
	var b strings.Builder
	for _, row := range rows {
		writeRow(&b, row, widths, width)
	}
	return b.String()
}

func columnWidths(rows [][]cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	return widths
}

// tableWidth is how wide a table is that nothing is cut of, but its last
// column: remarks are cut first.
func tableWidth(rows [][]cell) int {
	n := 0
	for _, width := range columnWidths(rows)[:len(rows[0])-1] {
		n += width + gap
	}
	return n - gap
}

const gap = 2 // between columns

func writeRow(b *strings.Builder, row []cell, widths []int, width int) {
	used, blank := 0, 0 // blank is owed before the next text
	for i, c := range row {
		text := c.text
		if width > 0 {
			text = cut(text, max(0, width-used-blank))
		}
		n := utf8.RuneCountInString(text)
		if n > 0 {
			b.WriteString(strings.Repeat(" ", blank))
			used += blank + n
			blank = 0
			if c.paint != nil {
				text = c.paint(text)
			}
			b.WriteString(text)
		}
		blank += widths[i] - n + gap
	}
	b.WriteByte('\n')
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	if n < 2 {
		return ""
	}
	return string([]rune(text)[:n-1]) + "…"
}

// leastHanging is the narrowest column that texts are wrapped into.
const leastHanging = 20

// hanging wraps a text that begins at column indent of a screen; further lines
// begin there, too. Where there is no room, or no screen (0), it stays as it is.
func hanging(text string, indent, screen int) string {
	room := screen - indent
	if room < leastHanging {
		return text
	}
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// columns is the width of standard output where it is a terminal; 0: any.
func columns(w World) int {
	if text, ok := w.env("COLUMNS"); ok {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			return n
		}
	}
	if f, ok := w.Stdout.(*os.File); ok && isTerminal(f) {
		if size, ok := terminalSize(f); ok {
			return int(size.Cols)
		}
	}
	return 0
}
