// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"drydock/executor"
	"drydock/internal/report"
	"drydock/sandbox"
)

// printer tells one audience what happens to a task: people or programs.
type printer interface {
	event(executor.Event) // everything but the end
	// signal tells what a signal does; grace is how long the first one may take.
	signal(first bool, name string, grace time.Duration)
	strayTeller
	ended(*executor.Result)            // the end, exactly once
	streams(io.Reader) sandbox.Streams // where the task's own output goes
}

func newPrinter(w World, o runOptions) printer {
	if o.JSON {
		return &jsonPrinter{out: w.Stdout}
	}
	return newTextPrinter(w, o.Quiet)
}

// jsonPrinter writes JSON lines to standard output. When nobody reads any more
// the task runs on, and the end still goes to --result and the exit code.
type jsonPrinter struct {
	out  io.Writer
	mu   sync.Mutex // guards gone and keeps lines whole
	gone bool
}

func (p *jsonPrinter) event(e executor.Event) {
	if e.Type != executor.EventEnded {
		p.line(e)
	}
}

func (p *jsonPrinter) ended(r *executor.Result) {
	p.line(executor.Event{Type: executor.EventEnded, Time: r.EndedAt, ID: r.ID, Ended: r})
}

func (p *jsonPrinter) signal(bool, string, time.Duration) {}
func (p *jsonPrinter) stray(string)                       {}

func (p *jsonPrinter) streams(in io.Reader) sandbox.Streams { return sandbox.Streams{Stdin: in} }

func (p *jsonPrinter) line(e executor.Event) {
	line, err := executor.EventJSON(e)
	if err != nil {
		return // an event without content: a bug that tests of executor find
	}
	p.raw(line)
}

// raw writes a line of JSON.
func (p *jsonPrinter) raw(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return
	}
	if _, err := p.out.Write(append(line, '\n')); err != nil {
		p.gone = true
	}
}

// textPrinter speaks to people on standard error and passes the task's output
// through untouched.
type textPrinter struct {
	quiet  bool
	style  report.Style
	stdout *passage
	stderr *passage

	terminal bool // standard error is one
	pull     pullPace

	mu  sync.Mutex // keeps drydock's own texts apart
	raw bool       // the terminal is in raw mode: lines need a carriage return
}

func newTextPrinter(w World, quiet bool) *textPrinter {
	p := &textPrinter{
		quiet: quiet, style: styleOf(w, w.Stderr), terminal: isTerminal(w.Stderr),
		stdout: &passage{to: w.Stdout, line: &lineState{}}, stderr: &passage{to: w.Stderr, line: &lineState{}},
	}
	if p.terminal && isTerminal(w.Stdout) {
		p.stdout.line = p.stderr.line
	}
	return p
}

func (p *textPrinter) streams(in io.Reader) sandbox.Streams {
	return sandbox.Streams{Stdin: in, Stdout: p.stdout, Stderr: p.stderr}
}

func (p *textPrinter) event(e executor.Event) {
	if p.quiet {
		return
	}
	switch e.Type {
	case executor.EventQueued:
		if e.Queued.Waiting != "" {
			p.say(report.Waiting(p.style, e.Queued.Waiting))
		}
	case executor.EventAdmitted:
		p.say(report.Start(p.style, e.ID, e.Attempt, e.Admitted))
	case executor.EventPull:
		p.pulled(e)
	case executor.EventRetried:
		p.say(report.Retry(p.style, e.Retried))
	}
}

func (p *textPrinter) signal(first bool, name string, grace time.Duration) {
	if p.terminal && name == "SIGINT" {
		p.stderr.line.set(true) // the terminal has just shown ^C
	}
	switch {
	case first && grace > 0: // a process 1 that handles no SIGTERM takes all of it
		p.say(fmt.Sprintf("drydock: %s: stopping the task in order, within %s; once more kills it\n", name, report.Lasted(grace)))
		return
	case first:
		p.say(fmt.Sprintf("drydock: %s: stopping the task\n", name))
		return
	}
	p.say(fmt.Sprintf("drydock: %s again: killing the task\n", name))
}

func (p *textPrinter) stray(what string) {
	if !p.quiet {
		p.say("drydock: removed what was left of " + what + "\n")
	}
}

func (p *textPrinter) ended(r *executor.Result) {
	if p.quiet {
		p.say(report.Short(r))
		return
	}
	p.say(report.End(p.style, r))
}

// say prints a text of drydock's own, beginning on a line of its own.
func (p *textPrinter) say(text string) {
	if text == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stderr.line.open() {
		text = "\n" + text
	}
	if p.raw {
		text = string(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n")))
	}
	// Nobody may be reading; the exit code and --result tell as well.
	_, _ = io.WriteString(p.stderr, text)
}

func (p *textPrinter) setRaw(raw bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = raw
}

// passage passes bytes on and notes whether they end in the middle of a line.
type passage struct {
	to   io.Writer
	line *lineState
}

func (p *passage) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	if n > 0 {
		p.line.set(b[n-1] != '\n')
	}
	return n, err
}

// lineState is shared by the streams that share a terminal.
type lineState struct {
	mu     sync.Mutex
	inside bool
}

func (l *lineState) set(inside bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside = inside
}

func (l *lineState) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inside
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// styleOf decides about colour: a terminal that did not ask for none
// (no-color.org) and is not dumb.
func styleOf(w World, out io.Writer) report.Style {
	if no, set := w.env("NO_COLOR"); set && no != "" {
		return report.Style{}
	}
	if t, _ := w.env("TERM"); t == "dumb" {
		return report.Style{}
	}
	return report.Style{Color: isTerminal(out)}
}
