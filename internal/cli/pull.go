// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"time"

	"drydock/executor"
	"drydock/internal/report"
)

// How often the progress of a pull is told: a terminal's line is drawn again,
// a file's reader gets another line.
const (
	pullRepaint = 100 * time.Millisecond
	pullLine    = 10 * time.Second
)

// pullPace knows when a pull was told of last. Events come one at a time.
type pullPace struct{ last time.Time }

// due reports whether to tell of it now.
func (p *pullPace) due(e executor.Event, every time.Duration) bool {
	if !e.Pull.Finished && e.Time.Sub(p.last) < every {
		return false
	}
	p.last = e.Time
	return true
}

// pulled tells how far an image has come.
func (p *textPrinter) pulled(e executor.Event) {
	text := report.Pull(p.style, e.Pull)
	switch {
	case !p.terminal:
		if p.pull.due(e, pullLine) {
			p.say(text + "\n")
		}
	case e.Pull.Finished:
		p.repaint(text + "\n")
	case p.pull.due(e, pullRepaint):
		p.repaint(text)
	}
}

// clearLine goes to the line's beginning and erases it (ECMA-48).
const clearLine = "\r\x1b[K"

// repaint draws the line in which the cursor is anew. A text without a newline
// leaves it open, so that whatever is said next begins on another.
func (p *textPrinter) repaint(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw && text[len(text)-1] == '\n' {
		text = text[:len(text)-1] + "\r\n"
	}
	_, _ = io.WriteString(p.stderr, clearLine+text)
}
