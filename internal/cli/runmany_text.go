// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"drydock/executor"
	"drydock/internal/fanout"
	"drydock/internal/report"
)

// pace says when a line of progress is due: often at first, when somebody may
// be looking, then seldom.
type pace struct{ next time.Duration }

const (
	firstLine  = 10 * time.Second
	mostApart  = 5 * time.Minute
	paceFactor = 2
)

// due reports whether so long after the beginning a line is due.
func (p *pace) due(since time.Duration) bool {
	if p.next == 0 {
		p.next = firstLine
	}
	if since < p.next {
		return false
	}
	p.next = since + min(mostApart, since*(paceFactor-1))
	return true
}

// progress is how far a fan-out is, in words.
func progress(t fanout.Tally, since time.Duration) string {
	text := fmt.Sprintf("%d of %d done, %s", t.Done(), t.Total, states(t))
	if left := timeLeft(t, since); left != "" {
		text += ", about " + left + " left"
	}
	return text + waitsFor(t)
}

func states(t fanout.Tally) string {
	text := fmt.Sprintf("%d running, %d queued", t.Running, t.Queued)
	if t.Failed > 0 {
		text += fmt.Sprintf(", %d failed", t.Failed)
	}
	return text
}

// waitsFor says why nothing runs, where the machine is others'.
func waitsFor(t fanout.Tally) string {
	if t.Running > 0 || t.Waiting == "" {
		return ""
	}
	return "; " + report.OneLine(t.Waiting)
}

// enoughDone is how many ends tell something of the others'.
const enoughDone = 3

// timeLeft takes those that are left to take as long as those that ended.
func timeLeft(t fanout.Tally, since time.Duration) string {
	left := t.Queued + t.Running
	if done := t.Done(); done >= enoughDone && left > 0 {
		d := time.Duration(float64(since) / float64(done) * float64(left))
		return d.Round(time.Second).String()
	}
	return ""
}

const (
	mostBar  = 30 // cells
	leastBar = 10
)

// bar is the row that is painted anew while tasks run.
func (p *manyPrinter) bar(width, _ int) []string {
	p.mu.Lock()
	t := p.tally
	p.mu.Unlock()
	if p.quiet() || t.Done() == t.Total {
		return nil
	}
	return []string{barRow(p.style, t, time.Since(p.begun), width)}
}

func barRow(style report.Style, t fanout.Tally, since time.Duration, width int) string {
	counts := fmt.Sprintf("%d/%d", t.Done(), t.Total)
	rest := states(t)
	if left := timeLeft(t, since); left != "" {
		rest += ", ETA " + left
	}
	rest += waitsFor(t)
	room := min(mostBar, width-1-utf8.RuneCountInString(counts+rest)-len(" [] "))
	row := counts + " " + rest
	if room >= leastBar {
		row = counts + " [" + cells(t, room) + "] " + rest
	}
	row = cut(row, width-1) // the last column makes some terminals wrap
	if failed := fmt.Sprintf("%d failed", t.Failed); t.Failed > 0 {
		row = strings.Replace(row, failed, style.Bad(failed), 1)
	}
	return row
}

// cells draws what is done and, fainter, what runs.
func cells(t fanout.Tally, n int) string {
	done := n * t.Done() / t.Total
	running := (n*(t.Done()+t.Running)+t.Total-1)/t.Total - done
	return strings.Repeat("=", done) + strings.Repeat("-", running) + strings.Repeat(" ", n-done-running)
}

// mostListed is how many failures the end names to people.
const mostListed = 20

// summaryText is the end of a fan-out for people; try is what to do about
// those that ran out of memory.
func summaryText(style report.Style, s *fanout.Summary, took time.Duration, try report.Advice) string {
	var b strings.Builder
	head := summaryHead(s)
	if s.Succeeded == s.Total {
		head = style.Good(head)
	} else {
		head = style.Bad(head)
	}
	fmt.Fprintf(&b, "drydock: %s %s\n", head, style.Dim("("+report.Lasted(took)+")"))
	if s.Cause != nil {
		fmt.Fprintf(&b, "  ended by %s\n", report.OneLine(s.Cause.Error()))
	}
	for _, f := range s.Failures[:min(mostListed, len(s.Failures))] {
		name := report.OneLine(f.Name)
		fmt.Fprintf(&b, "  %s  %s\n", style.Bold(name), failureText(style, f))
		if f.ID != "" {
			fmt.Fprintf(&b, "  %s  %s\n", strings.Repeat(" ", utf8.RuneCountInString(name)), lookAt(f))
		}
	}
	if more := s.Failed - mostListed; more > 0 {
		fmt.Fprintf(&b, "  … and %d more: drydock ps -a --status failed, oom and so on, or --result FILE\n", more)
	}
	if try.Flag != "" {
		fmt.Fprintf(&b, "  %s  %s for those out of memory, or --oom-retry 2x, and drydock finds it\n", style.Dim("try"), style.Bold(try.Flag))
	}
	return b.String()
}

// summaryHead counts the ends of a fan-out's tasks.
func summaryHead(s *fanout.Summary) string {
	head := fmt.Sprintf("%d of %d tasks succeeded", s.Succeeded, s.Total)
	failed := "failed"
	if n := s.Verdicts[executor.OOM]; n > 0 {
		failed += fmt.Sprintf(" (%d out of memory)", n)
	}
	for _, part := range []struct {
		n    int
		what string
	}{{s.Failed, failed}, {s.Stopped, "were stopped"}, {s.Unstarted, "never started"}} {
		if part.n > 0 {
			head += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return head
}

// failureText is how a task ended: its message, and the verdict before it
// where it does not say it itself.
func failureText(style report.Style, f fanout.Failure) string {
	word, message := report.Word(f.Verdict), report.OneLine(f.Message)
	before, after, found := strings.Cut(message, word)
	if !found {
		return style.Bad(word) + ": " + message
	}
	return before + style.Bad(word) + after
}

// lookAt is the command that tells more about a failure.
func lookAt(f fanout.Failure) string {
	if f.Verdict == executor.OOM {
		return "drydock report " + f.ID
	}
	return "drydock logs " + f.ID
}
