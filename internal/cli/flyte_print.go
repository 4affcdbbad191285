// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"fmt"
	"io"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/internal/report"
)

// follower shows one run: lines about it on standard error, or as JSON on
// standard output, and what its tasks print. It is safe for concurrent use.
type follower struct {
	w      World
	quiet  bool
	json   *jsonUp // nil: for people
	board  *board
	screen *screen
}

func newFollower(w World, o flyteOptions) *follower {
	f := &follower{w: w, quiet: o.Quiet}
	if o.JSON {
		f.json = &jsonUp{w: w, out: w.Stdout}
	}
	f.board = newBoard(styleOf(w, w.Stderr), canPaint(w, w.Stderr) && !o.Quiet && !o.JSON, w.Now)
	rows := f.board.paint
	if !f.board.live {
		rows = func(int, int) []string { return nil }
	}
	f.screen = newScreen(w, w.Stderr, rows)
	return f
}

func (f *follower) close() { f.screen.stop() }

// tell shows news of the run.
func (f *follower) tell(n flyte.News) {
	if f.json != nil {
		f.json.line(n)
		return
	}
	f.screen.with(func() string {
		text := f.board.apply(n)
		switch {
		case !f.quiet:
			return text
		case n.Type == flyte.NewsOver && n.Verdict != executor.Succeeded:
			return fmt.Sprintf("drydock: run %s %s%s\n", report.OneLine(n.Run), verdictWord(n.Verdict), because(n.Message))
		}
		return ""
	})
}

// say prints a sentence of drydock's own.
func (f *follower) say(text string) {
	f.screen.with(func() string { return "drydock: " + text + "\n" })
}

// output passes on what a task printed: the root's as it is, others' with
// their name before it.
func (f *follower) output(n flyte.News, text string) error {
	if f.json != nil {
		o := flyte.News{Type: flyte.NewsOutput, ID: n.ID, Project: n.Project, Domain: n.Domain, Run: n.Run, Action: n.Action, Name: n.Name,
			Attempt: n.Attempt, Text: text}
		f.json.line(o)
		return nil
	}
	if n.Parent != "" {
		text = f.board.style.Dim(report.OneLine(n.Name)+" | ") + text
	}
	if err := f.screen.pass(f.w.Stdout, []byte(text)); err != nil {
		return io.ErrClosedPipe // nobody reads; the run goes on
	}
	return nil
}
