// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/integration/flyte/launch/python"
	"drydock/internal/report"
)

// upPrinter tells one audience what a server does: people or programs.
type upPrinter interface {
	ready(flyte.Info)
	python(python.Python)
	noPython(error) // tasks without an image cannot run; the others can
	tell(flyte.News)
	ending(how flyte.Ending, signal string)
	logs() slog.Handler      // what goes wrong inside the server
	stopped(err error) error // the end, exactly once; returns what decides the exit code
	stop()                   // gives the terminal back
}

func newUpPrinter(w World, o upOptions, stateDir string) upPrinter {
	if o.JSON {
		return &jsonUp{w: w, out: w.Stdout, stateDir: stateDir}
	}
	p := &textUp{w: w, quiet: o.Quiet, where: o.where()}
	p.board = newBoard(styleOf(w, w.Stdout), canPaint(w, w.Stdout), w.Now)
	p.screen = newScreen(w, w.Stdout, p.board.paint)
	return p
}

// textUp speaks to people.
type textUp struct {
	w      World
	quiet  bool
	where  string // the flag by which other commands find the server
	info   flyte.Info
	board  *board
	screen *screen
}

func (p *textUp) say(text string) { p.screen.with(func() string { return text }) }

func (p *textUp) ready(i flyte.Info) {
	p.info = i
	if !p.quiet {
		p.say(upBanner(p.board.style, i, p.where))
	}
}

func (p *textUp) python(found python.Python) {
	i := p.info
	i.Python, i.SDK = found.Executable, found.SDK
	if text := runsWith(i, found.Version); text != "" && !p.quiet {
		p.say(text)
	}
}

func (p *textUp) noPython(err error) {
	if !p.quiet && p.info.Sandbox != sandboxDocker {
		p.say(fmt.Sprintf("  tasks that name no image cannot run: %v\n", err))
	}
}

func (p *textUp) tell(n flyte.News) {
	if p.quiet {
		return
	}
	p.screen.with(func() string { return p.board.apply(n) })
}

func (p *textUp) ending(how flyte.Ending, signal string) {
	if how == flyte.Keep {
		p.say("drydock: ending; running tasks go on, and the next drydock up takes them up\n")
		return
	}
	p.say(fmt.Sprintf("drydock: %s: aborting unfinished runs in order; once more leaves at once\n", signal))
}

func (p *textUp) stopped(err error) error {
	var code codeError
	switch {
	case errors.As(err, &code):
		p.say("drydock: left at once; tasks may go on, and the next drydock up takes them up\n")
	case err == nil && !p.quiet:
		p.say("drydock: ended\n")
	}
	return err
}

func (p *textUp) stop() { p.screen.stop() }

func (p *textUp) logs() slog.Handler {
	return logLines{func(text string) { p.say("drydock: " + p.board.style.Warn(text) + "\n") }}
}

// where is the flag that other commands need to find what this one starts.
func (o upOptions) where() string {
	if o.Given["state-dir"] {
		return " --state-dir " + shellQuote(o.StateDir)
	}
	return ""
}

// upBanner is what a person needs who has just started a server.
func upBanner(s report.Style, i flyte.Info, where string) string {
	end := "drydock down" + where + "; with --keep running tasks go on"
	if i.Log == "" {
		end = "Ctrl-C, or " + end
	}
	var b strings.Builder
	fmt.Fprintf(&b, "drydock: the Flyte endpoint is up at %s\n", s.Bold(i.Endpoint))
	fmt.Fprintf(&b, "  look at runs at %s\n\n", i.Console)
	fmt.Fprintf(&b, "  run a program:  %s\n", s.Bold(fmt.Sprintf("flyte --endpoint %s --insecure run --project %s --domain %s main.py main", i.Endpoint, defaultProject, defaultDomain)))
	fmt.Fprintf(&b, "  or put this into ~/.flyte/config.yaml, and flyte run main.py main will do:\n\n%s\n", configSnippet(i.Endpoint))
	fmt.Fprintf(&b, "  File and Dir results on this machine:  eval \"$(drydock status --env%s)\"\n", where)
	b.WriteString("  end:  " + end + "\n\n")
	b.WriteString(runsIn(i))
	return b.String()
}

// What a program runs in when nobody says otherwise; any name will do.
const (
	defaultProject = "demo"
	defaultDomain  = "development"
)

func configSnippet(endpoint string) string {
	return fmt.Sprintf("    admin:\n      endpoint: dns:///%s\n      insecure: true\n    task:\n      project: %s\n      domain: %s\n", endpoint, defaultProject, defaultDomain)
}

// jsonUp writes JSON lines for programs.
type jsonUp struct {
	w        World
	out      io.Writer
	stateDir string

	mu   sync.Mutex // keeps lines whole
	info flyte.Info
	gone bool // nobody reads any more; the server goes on
}

func (p *jsonUp) line(n flyte.News) {
	if n.Time.IsZero() {
		n.Time = p.w.Now().UTC()
	}
	var data bytes.Buffer
	enc := json.NewEncoder(&data)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(n); err != nil {
		return // plain fields: it cannot fail
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return
	}
	if _, err := p.out.Write(data.Bytes()); err != nil {
		p.gone = true
	}
}

func (p *jsonUp) server(i flyte.Info) *flyte.ServerNews {
	return &flyte.ServerNews{Endpoint: i.Endpoint, Console: i.Console, PID: i.PID, StateDir: p.stateDir, Python: i.Python, SDK: i.SDK,
		Sandbox: i.Sandbox, Engine: i.Engine, Network: i.Network}
}

func (p *jsonUp) ready(i flyte.Info) {
	p.info = i
	p.line(flyte.News{Type: flyte.NewsReady, Server: p.server(i)})
}

func (p *jsonUp) python(found python.Python) {
	i := p.info
	i.Python, i.SDK = found.Executable, found.SDK
	p.line(flyte.News{Type: flyte.NewsPython, Server: p.server(i)})
}

func (p *jsonUp) noPython(error) {} // an attempt that needs one says so

func (p *jsonUp) tell(n flyte.News) { p.line(n) }

func (p *jsonUp) ending(how flyte.Ending, signal string) {
	n := flyte.News{Type: flyte.NewsEnding, Message: signal}
	if how == flyte.Keep {
		n.Reason = "keep"
	}
	p.line(n)
}

func (p *jsonUp) stopped(err error) error {
	code := exitCode(err)
	n := flyte.News{Type: flyte.NewsStopped, ExitCode: &code}
	var said codeError
	if err != nil && !errors.As(err, &said) {
		n.Verdict, n.Message = executor.Error, err.Error()
		if is[*userError](err) {
			n.Verdict = executor.Refused
		}
	}
	p.line(n)
	if code == exitOK {
		return nil
	}
	return codeError{code}
}

func (p *jsonUp) stop() {}

func (p *jsonUp) logs() slog.Handler {
	return logLines{func(text string) { fmt.Fprintf(p.w.Stderr, "drydock: %s\n", text) }}
}

// upFailed tells that a server did not come up.
func upFailed(w World, o upOptions, err error) error {
	if !o.JSON {
		return err
	}
	return newUpPrinter(w, o, "").stopped(err)
}

// upTime is how long a server has been up, for people.
func upTime(since, now time.Time) string { return report.Lasted(max(0, now.Sub(since))) }
