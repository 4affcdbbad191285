// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/internal/report"
	"drydock/sandbox"
)

// board knows which actions are under way, and says in lines what happens to
// them. It belongs to whoever holds the screen's lock.
type board struct {
	style report.Style
	now   func() time.Time
	live  bool // rows are painted: what they show needs no lines
	names bool // actions of different runs stand side by side

	rows []*boardRow // in the order in which they came
	runs []string    // under way
	said map[string]bool
}

// boardRow is one action under way.
type boardRow struct {
	id, run, name string
	attempt       int
	running       bool
	waiting       string
	started       time.Time
	memory, limit int64
}

func newBoard(s report.Style, live bool, now func() time.Time) *board {
	return &board{style: s, live: live, now: now, said: map[string]bool{}}
}

// apply takes news in and returns the lines about it that stay.
func (b *board) apply(n flyte.News) string {
	switch n.Type {
	case flyte.NewsCreated:
		b.runs = append(b.runs, n.Run)
		b.names = b.names || len(b.runs) > 1
		return fmt.Sprintf("drydock: run %s of %s\n", b.style.Bold(report.OneLine(n.Run)), report.OneLine(n.Name))
	case flyte.NewsQueued:
		return b.queued(n)
	case flyte.NewsPaused:
		b.row(n).waiting = "a signal"
		return b.line(n, "waits for a signal: flyte signal condition "+report.OneLine(n.Run+" "+n.Action)+" VALUE")
	case flyte.NewsStarted:
		return b.started(n)
	case flyte.NewsSample:
		r := b.row(n)
		r.running, r.memory = true, n.Sample.Memory
		if n.MemoryLimit > 0 {
			r.limit = n.MemoryLimit
		}
	case flyte.NewsRetried:
		r := b.row(n)
		r.running, r.waiting, r.memory, r.started = false, "", 0, time.Time{}
		text := b.ended(n, fmt.Sprintf("attempt %d ", n.Attempt))
		if strings.Count(text, "\n") == 1 {
			return strings.TrimSuffix(text, "\n") + "; tries again\n"
		}
		return text + b.line(n, "tries again")
	case flyte.NewsEnded:
		b.drop(n.ID)
		return b.ended(n, "")
	case flyte.NewsOver:
		return b.over(n)
	}
	return ""
}

func (b *board) row(n flyte.News) *boardRow {
	for _, r := range b.rows {
		if r.id == n.ID {
			return r
		}
	}
	r := &boardRow{id: n.ID, run: n.Run, name: n.Name}
	b.rows = append(b.rows, r)
	return r
}

func (b *board) drop(id string) {
	b.rows = slices.DeleteFunc(b.rows, func(r *boardRow) bool { return r.id == id })
}

func (b *board) queued(n flyte.News) string {
	// Of a wide fan-out nearly all wait for the same: one says so for all.
	others := slices.ContainsFunc(b.rows, func(r *boardRow) bool { return r.id != n.ID && r.waiting != "" })
	b.row(n).waiting = n.Waiting
	if b.live || n.Waiting == "" || others {
		return ""
	}
	return b.line(n, b.style.Dim(report.OneLine(n.Waiting)))
}

func (b *board) started(n flyte.News) string {
	r := b.row(n)
	r.running, r.waiting, r.attempt, r.started, r.memory = true, "", n.Attempt, n.Time, 0
	if n.MemoryLimit > 0 {
		r.limit = n.MemoryLimit
	}
	text := b.remarks(n)
	if b.live {
		return text
	}
	what := "running"
	if n.Image != "" {
		what += " in " + report.OneLine(n.Image)
	}
	if r.limit > 0 {
		what += ", memory limit " + report.Size(r.limit)
	}
	return b.line(n, what) + text
}

// remarks are what this machine does not hold and what else a user should
// know, each said once.
func (b *board) remarks(n flyte.News) string {
	var text strings.Builder
	say := func(label, what string) {
		if !b.said[label+what] {
			b.said[label+what] = true
			fmt.Fprintf(&text, "  %s %s\n", b.style.Warn(label), report.OneLine(what))
		}
	}
	for _, l := range n.Limits {
		if l.State == sandbox.NotEnforced {
			why := l.Limit
			if l.Why != "" {
				why += " (" + l.Why + ")"
			}
			say("not enforced:", why)
		}
	}
	for _, note := range n.Notes {
		say("note:", note)
	}
	return text.String()
}

func (b *board) over(n flyte.News) string {
	b.runs = slices.DeleteFunc(b.runs, func(r string) bool { return r == n.Run })
	b.rows = slices.DeleteFunc(b.rows, func(r *boardRow) bool { return r.run == n.Run })
	b.names = len(b.runs) > 1
	words := verdictWord(n.Verdict)
	if n.Verdict == executor.Succeeded {
		words = b.style.Good(words)
	} else {
		words = b.style.Bad(words)
	}
	return fmt.Sprintf("drydock: run %s %s%s\n", report.OneLine(n.Run), words, after(" after ", n.Seconds))
}

const nameWidth = 14

// line is a line about an action.
func (b *board) line(n flyte.News, text string) string {
	return "  " + b.label(n.Run, n.Name) + "  " + text + "\n"
}

func (b *board) label(run, name string) string {
	label := report.OneLine(name)
	if b.names {
		label = b.style.Dim(firstRunes(report.OneLine(run), 6)) + " " + label
	}
	return label + strings.Repeat(" ", max(0, nameWidth-utf8.RuneCountInString(name)))
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// after is "WORDS 2.1s", or nothing when the time is not known.
func after(words string, seconds float64) string {
	if seconds <= 0 {
		return ""
	}
	return words + report.Lasted(time.Duration(seconds*float64(time.Second)))
}

func verdictWord(v executor.Class) string {
	switch v {
	case executor.OOM:
		return "ran out of memory"
	case executor.Timeout:
		return "timed out"
	case executor.Aborted:
		return "was aborted"
	}
	return string(v)
}
