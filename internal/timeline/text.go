// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"drydock/executor"
	"drydock/internal/report"
	"drydock/sandbox"
)

const (
	defaultColumns = 80
	leastColumns   = 20 // of the plot itself
	mostColumns    = 120
	labelColumns   = 12 // before the plot
	chartRows      = 5
	textTail       = 5 // lines of output
)

// sheet is a report in the making.
type sheet struct {
	strings.Builder
	o       Options
	g       glyphs
	columns int // of the plot
}

// writeText writes for a terminal: a picture of each attempt's memory in
// characters, and what drydock run said at the end.
func writeText(w io.Writer, r *Report, o Options) error {
	s := &sheet{o: o, g: ascii}
	if o.Unicode {
		s.g = blocks
	}
	if o.Width <= 0 {
		o.Width = defaultColumns
	}
	s.columns = min(mostColumns, max(leastColumns, o.Width-labelColumns-2))
	s.head(r)
	for i := range r.Attempts {
		s.attempt(r, &r.Attempts[i])
	}
	for _, n := range r.Notes {
		s.WriteString(report.Sentence(o.Style, "note", report.OneLine(n)))
	}
	s.end(r)
	_, err := io.WriteString(w, s.String())
	return err
}

func (s *sheet) head(r *Report) {
	fmt.Fprintf(s, "drydock %s", s.o.Style.Bold(r.ID))
	line := strings.Join(strings.Fields(command(r.Task.Command)), " ")
	if name := report.OneLine(r.Task.Name); name != "" && line != "" && name != filepath.Base(r.Task.Command[0]) {
		line = name + ": " + line // a Flyte task's command alone tells little
	}
	if line != "" {
		fmt.Fprintf(s, ": %s", clip(line, max(20, s.columns+labelColumns-30)))
	}
	s.WriteByte('\n')
}

// clip shortens a line to so many characters.
func clip(line string, most int) string {
	if utf8.RuneCountInString(line) <= most {
		return line
	}
	return string([]rune(line)[:most-1]) + "…"
}

// end is the report of the task's end, or, for one attempt of several, of its.
func (s *sheet) end(r *Report) {
	if r.Result == nil {
		return
	}
	s.WriteByte('\n')
	if len(r.Attempts) != 1 || len(r.Result.Attempts) < 2 {
		s.WriteString(report.End(s.o.Style, r.Result))
		return
	}
	for _, a := range r.Result.Attempts {
		if a.Number == r.Attempts[0].Number {
			one := *r.Result
			one.Verdict, one.Attempts, one.Warnings = a.Verdict, []executor.Attempt{a}, nil
			s.WriteString(report.End(s.o.Style, &one))
		}
	}
}

func (s *sheet) attempt(r *Report, a *Attempt) {
	if len(a.Points) == 0 && len(a.Marks) == 0 && len(a.Notes) == 0 && r.Result != nil {
		return // nothing ran: the end says why
	}
	s.WriteByte('\n')
	if len(r.Attempts) > 1 || a.Number > 1 || a.State != Ended || r.Result == nil {
		fmt.Fprintf(s, "attempt %d: %s\n", a.Number, s.badge(a))
	}
	if len(a.Points) > 0 {
		s.chart(a)
		s.cpu(a)
		s.waits(a)
		s.strips(a)
		s.peak(a)
	}
	s.events(a)
	for _, n := range a.Notes {
		s.WriteString(report.Sentence(s.o.Style, "note", report.OneLine(n)))
	}
	if a.Verdict == nil || a.Verdict.Class != executor.Succeeded {
		s.tail(a)
	}
}

func (s *sheet) badge(a *Attempt) string {
	b := a.stateBadge()
	switch b.Look {
	case "good":
		return s.o.Style.Good(b.Text)
	case "bad":
		return s.o.Style.Bad(b.Text)
	}
	return s.o.Style.Warn(b.Text)
}

// row begins a line with what it is about, right before the plot.
func (s *sheet) row(label string) { fmt.Fprintf(s, "%*s", labelColumns, label+" ") }

// chart draws memory in several lines, the limit, and the time below.
func (s *sheet) chart(a *Attempt) {
	peak, _, _ := a.Peak()
	top := float64(peak)
	if !offScale(float64(a.MemoryLimit), top) {
		top = max(top, float64(a.MemoryLimit))
	}
	values := series(a.Points, a.Duration(), s.columns, false, func(p Point) (float64, bool) { return float64(total(p)), p.Kind != AtEnd })
	columns := make([][]rune, len(values))
	for i, v := range values {
		if math.IsNaN(v) {
			v = 0
		}
		columns[i] = s.g.cells(v/top, chartRows)
	}
	limitRow := chartRows - 1
	if a.MemoryLimit <= 0 || float64(a.MemoryLimit) > top {
		limitRow = -1
		if a.MemoryLimit > 0 {
			s.row("")
			s.WriteString(s.o.Style.Dim("limit "+report.Size(a.MemoryLimit)+", far above") + "\n")
		}
	}
	for row := chartRows - 1; row >= 0; row-- {
		label := ""
		if row == chartRows-1 {
			label = report.Size(int64(top))
		}
		s.row(label)
		s.WriteString(s.bars(columns, row, row == limitRow))
		if row == limitRow {
			s.WriteString(s.o.Style.Bad(" limit"))
		}
		s.WriteByte('\n')
	}
	s.axis(a)
}

// bars is one line of the chart; in the limit's line the free cells show it.
func (s *sheet) bars(columns [][]rune, row int, limit bool) string {
	var b, free strings.Builder
	flush := func() {
		b.WriteString(s.o.Style.Bad(free.String()))
		free.Reset()
	}
	b.WriteRune(s.g.side)
	for _, c := range columns {
		if cell := c[row]; cell != ' ' || !limit {
			flush()
			b.WriteRune(cell)
			continue
		}
		free.WriteRune(s.g.limit)
	}
	flush()
	if limit {
		return b.String()
	}
	return strings.TrimRight(b.String(), " ")
}

// axis draws the line of time with what happened on it, and round times.
func (s *sheet) axis(a *Attempt) {
	length := a.Duration()
	line := []rune(strings.Repeat(string(s.g.axis), s.columns))
	names := []rune(strings.Repeat(" ", s.columns+labelColumns))
	free := 0
	for _, t := range timeTicks(length, max(2, s.columns/12)) {
		c := columnOf(seconds(t.at), length, s.columns)
		line[c] = s.g.tick
		if name := []rune(t.text); c >= free && c+len(name) <= len(names) {
			copy(names[c:], name)
			free = c + len(name) + 1
		}
	}
	for _, m := range a.Marks {
		if g := s.mark(m.Kind); g != 0 {
			line[columnOf(m.At, length, s.columns)] = g
		}
	}
	s.row("0")
	fmt.Fprintf(s, "%c%s\n", s.g.corner, string(line))
	s.row("")
	fmt.Fprintf(s, " %s\n", strings.TrimRight(string(names), " "))
}

// mark is the character of what happened; 0: none. A kill is drawn although
// the end follows in the same column.
func (s *sheet) mark(k MarkKind) rune {
	switch k {
	case MarkOOM:
		return s.g.kill
	case MarkStop:
		return s.g.signal
	}
	return 0
}

func (s *sheet) cpu(a *Attempt) {
	used := a.cpuSeconds()
	if used <= 0 {
		return
	}
	top := max(a.PeakCores(), 0.01)
	if !offScale(a.CPULimit, top) {
		top = max(top, a.CPULimit)
	}
	s.row("cpu")
	fmt.Fprintf(s, " %s\n", s.line(a, top, func(r *Rates) (float64, bool) { return r.Cores, true }))
	text := fmt.Sprintf("%s s in all, at most %s", number(used), cores(a.PeakCores()))
	if a.CPULimit > 0 {
		text += ", limit " + cores(a.CPULimit)
	}
	s.say(text)
}

// line is a sparkline of a rate.
func (s *sheet) line(a *Attempt, top float64, value func(*Rates) (float64, bool)) string {
	return s.spark(a, top, func(p Point) (float64, bool) {
		if p.Rates == nil {
			return 0, false
		}
		return value(p.Rates)
	})
}

// spark is a sparkline of what points say.
func (s *sheet) spark(a *Attempt, top float64, value func(Point) (float64, bool)) string {
	return strings.TrimRight(s.g.spark(series(a.Points, a.Duration(), s.columns, true, value), top), " ")
}

// say writes what there is to say about the lines above it.
func (s *sheet) say(text string) {
	s.row("")
	fmt.Fprintf(s, " %s\n", s.o.Style.Dim(text))
}

// waits draws what was waited for, where that was worth a look.
func (s *sheet) waits(a *Attempt) {
	const worth = 0.05
	for _, w := range []struct {
		name string
		of   func(*Rates) *sandbox.Stall
	}{
		{"memory", func(r *Rates) *sandbox.Stall { return r.Memory }},
		{"CPU", func(r *Rates) *sandbox.Stall { return r.CPU }},
	} {
		most := 0.0
		value := func(r *Rates) (float64, bool) {
			stall := w.of(r)
			if stall == nil {
				return 0, false
			}
			most = max(most, stall.Some)
			return stall.Some, true
		}
		if line := s.line(a, 1, value); most >= worth {
			s.row("waiting")
			fmt.Fprintf(s, " %s\n", line)
			s.say(fmt.Sprintf("for %s, up to %s of the time", w.name, percent(most)))
		}
	}
}

// peak says what memory was at its highest, for those whose end does not say it.
func (s *sheet) peak(a *Attempt) {
	if a.Verdict != nil && a.Verdict.OOM != nil && a.Verdict.Class == executor.OOM {
		return
	}
	peak, at, sampled := a.Peak()
	text := ofLimit(peak, a.MemoryLimit)
	if sampled {
		text += " at " + since(at)
		for _, p := range a.Points {
			if b := p.Breakdown; p.At == at && b != nil {
				text += ": " + split(b)
			}
		}
	} else {
		text += ", between two samples"
	}
	s.WriteString(report.Row(s.o.Style, "peak", text))
}

// events lists what happened, with the character that marks it above.
func (s *sheet) events(a *Attempt) {
	for _, m := range a.Marks {
		if m.Kind == MarkStarted {
			continue
		}
		text := since(m.At)
		if g := s.mark(m.Kind); g != 0 {
			text += " " + string(g)
		}
		fmt.Fprintf(s, "  %-12s%s\n", text, m.Text)
	}
}

func (s *sheet) tail(a *Attempt) {
	if a.Tail == "" {
		return
	}
	lines := strings.Split(a.Tail, "\n")
	for _, line := range lines[max(0, len(lines)-textTail):] {
		s.WriteString(report.Row(s.o.Style, "output", clip(line, s.columns)))
	}
}
