// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/internal/report"
)

// ended tells how an action, or one attempt of it, ended.
func (b *board) ended(n flyte.News, what string) string {
	if n.Kind == "trace" && n.Verdict == executor.Succeeded {
		return "" // a step inside a task: it printed what it wanted
	}
	last := lastEnded(n)
	switch {
	case n.Verdict == executor.Succeeded && n.Cached:
		return b.line(n, what+b.style.Good("done")+", from the cache")
	case n.Verdict == executor.Succeeded:
		return b.line(n, what+b.style.Good("done")+after(" in ", n.Seconds)+b.style.Dim(peak(last)))
	case n.Verdict == executor.Aborted:
		return b.line(n, what+b.style.Warn("aborted")+because(n.Message))
	case last != nil && last.Class == executor.OOM:
		return b.outOfMemory(n, what, last)
	}
	head := "failed"
	switch {
	case n.Verdict == executor.Timeout:
		head = "timed out"
	case n.Verdict == executor.OOM && last == nil: // else it failed with the error of a child
		head = "out of memory"
	}
	first, rest, _ := strings.Cut(strings.TrimRight(n.Message, "\n"), "\n")
	text := b.line(n, what+b.style.Bad(head)+after(" after ", n.Seconds)+because(strings.TrimPrefix(n.Code+": ", ": ")+first))
	return text + indented(rest)
}

func lastEnded(n flyte.News) *executor.EndedAttempt {
	if len(n.Attempts) == 0 {
		return nil
	}
	return &n.Attempts[len(n.Attempts)-1]
}

// outOfMemory is the report for which drydock was made, in the words of
// somebody who writes Flyte tasks.
func (b *board) outOfMemory(n flyte.News, what string, a *executor.EndedAttempt) string {
	text := b.line(n, what+b.style.Bad(report.OneLine(a.Message)))
	text += report.Evidence(b.style, *a)
	for i, hint := range a.Hints {
		if call, ok := strings.CutPrefix(hint, "try flyte.Resources("); ok && i == 0 {
			text += report.Row(b.style, "try", b.style.Bold(report.OneLine(n.Name+".override(resources=flyte.Resources("+call+")")))
			continue
		}
		text += report.Sentence(b.style, "hint", report.OneLine(hint))
	}
	return text
}

// peak is what an attempt took of its limit.
func peak(a *executor.EndedAttempt) string {
	if a == nil || a.Usage == nil || a.Usage.MemoryPeak <= 0 {
		return ""
	}
	return fmt.Sprintf(", memory peak %s of %s", report.Size(a.Usage.MemoryPeak), report.Size(a.Resources.Memory.LimitBytes()))
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + short(why)
}

// What bounds a message on a terminal; the console shows it whole.
const (
	maxMessageLines = 40
	maxMessageLine  = 1000 // characters
)

func short(line string) string {
	line = report.OneLine(line)
	if cut := firstRunes(line, maxMessageLine); cut != line {
		return cut + "…"
	}
	return line
}

// indented is the rest of a message, such as a traceback.
func indented(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	cut := len(lines) - maxMessageLines
	if cut > 0 {
		lines = append([]string{fmt.Sprintf("… %d lines, see the console …", cut)}, lines[cut:]...)
	}
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(strings.TrimRight("    "+short(strings.ReplaceAll(l, "\t", "    ")), " ") + "\n")
	}
	return out.String()
}

// paint is what stands at the bottom of the screen: a row for each action
// under way, running ones first, and a sum for those that have no room.
func (b *board) paint(width, most int) []string {
	if len(b.rows) == 0 || most < 1 {
		return nil
	}
	var running, waiting []*boardRow
	for _, r := range b.rows {
		if r.running {
			running = append(running, r)
		} else {
			waiting = append(waiting, r)
		}
	}
	shown := append(running, waiting...)
	var sum string
	if len(shown) > most {
		rest := shown[most-1:]
		shown = shown[:most-1]
		more := 0
		for _, r := range rest {
			if r.running {
				more++
			}
		}
		sum = fmt.Sprintf("  … and %d more: %d running, %d waiting", len(rest), more, len(rest)-more)
	}
	var lines []string
	for _, r := range shown {
		lines = append(lines, b.paintRow(r, width))
	}
	if sum != "" {
		lines = append(lines, b.style.Dim(sum))
	}
	return lines
}

func (b *board) paintRow(r *boardRow, width int) string {
	label := report.OneLine(r.name)
	if b.names {
		label = firstRunes(report.OneLine(r.run), 6) + " " + label
	}
	state := b.rowState(r)
	// A long name is cut before what the row is there for.
	label = cut(label, max(nameWidth, width-1-len("    ")-utf8.RuneCountInString(state)))
	text := fmt.Sprintf("  %-*s  ", nameWidth, label) + state
	if utf8.RuneCountInString(text) >= width {
		text = firstRunes(text, max(0, width-2)) + "…"
	}
	switch {
	case !r.running:
		return b.style.Dim(text)
	case r.limit > 0 && r.memory > r.limit/10*9:
		return b.style.Warn(text)
	}
	return text
}

func (b *board) rowState(r *boardRow) string {
	switch {
	case !r.running && r.waiting == "":
		return "queued"
	case !r.running:
		return report.OneLine(r.waiting)
	}
	text := "running " + clock(b.now().Sub(r.started))
	if r.attempt > 1 {
		text += fmt.Sprintf(", attempt %d", r.attempt)
	}
	if r.limit > 0 {
		text += "  " + bar(r.memory, r.limit) + "  " + report.Size(r.memory) + " of " + report.Size(r.limit)
	}
	return text
}

// bar is memory against its limit.
func bar(used, limit int64) string {
	const cells = 10
	full := int(min(cells, max(0, used*cells/limit)))
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", cells-full) + "]"
}

// clock is a time that is still running: whole seconds, so that it does not
// flicker.
func clock(d time.Duration) string { return max(0, d).Truncate(time.Second).String() }
