// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"drydock/executor"
	"drydock/internal/fanout"
	"drydock/internal/report"
	"drydock/sandbox"
)

// manyPrinter tells people or programs what happens to the tasks of a fan-out.
// Everything of drydock's own goes to the screen, which keeps it apart.
type manyPrinter struct {
	w       World
	o       runOptions
	style   report.Style
	screen  *screen
	json    *jsonPrinter // nil: people read
	results *resultLines // nil: nobody asked
	begun   time.Time

	mu    sync.Mutex // guards what follows
	tally fanout.Tally
	pace  pace
	told  bool          // with what they run
	most  int64         // of the memory limits that were too low
	try   report.Advice // about the task that had it
}

func newManyPrinter(w World, o runOptions, total int) *manyPrinter {
	p := &manyPrinter{w: w, o: o, style: styleOf(w, w.Stderr), begun: time.Now(), tally: fanout.Tally{Total: total, Queued: total}}
	if o.JSON {
		p.json = &jsonPrinter{out: w.Stdout}
	}
	p.screen = newScreen(w, w.Stderr, p.bar)
	return p
}

// begin tells how many there are; the first one to run tells the rest.
func (p *manyPrinter) begin() {
	if !p.quiet() {
		p.say(fmt.Sprintf("drydock: %d tasks, the first to run is\n", p.tally.Total))
	}
}

// quiet reports whether nothing is said while all goes well.
func (p *manyPrinter) quiet() bool { return p.o.Quiet || p.json != nil }

func (p *manyPrinter) say(text string) { p.screen.with(func() string { return text }) }

func (p *manyPrinter) event(e executor.Event) {
	if p.json != nil {
		p.json.event(e)
		return
	}
	if e.Type != executor.EventAdmitted || p.quiet() {
		return
	}
	p.mu.Lock()
	told := p.told
	p.told = true
	p.mu.Unlock()
	if !told { // what is not enforced holds for all of them
		p.say(report.Start(p.style, e.ID, e.Attempt, e.Admitted))
	}
}

func (p *manyPrinter) signal(first bool, name string) {
	switch {
	case p.json != nil:
	case first:
		p.say(fmt.Sprintf("drydock: %s: stopping the tasks in order, and no more start; once more kills them\n", name))
	default:
		p.say(fmt.Sprintf("drydock: %s again: killing the tasks\n", name))
	}
}

func (p *manyPrinter) stray(what string) {
	if !p.quiet() {
		p.say("drydock: removed what was left of " + what + "\n")
	}
}

// ended tells of one task's end.
func (p *manyPrinter) ended(r *executor.Result) {
	if p.json != nil {
		p.json.ended(r)
	}
	if oom := r.Verdict.OOM; oom != nil {
		p.mu.Lock()
		if oom.Limit > p.most {
			p.most, p.try = oom.Limit, report.AdviceOf(r.Task.Resources, r.Verdict)
		}
		p.mu.Unlock()
	}
	p.results.add(executor.Event{Type: executor.EventEnded, Time: r.EndedAt, ID: r.ID, Ended: r})
}

// changed is told how far they are. Where nothing can be painted a line says
// so now and then.
func (p *manyPrinter) changed(t fanout.Tally) {
	p.mu.Lock()
	p.tally = t
	due := !p.screen.live && !p.quiet() && t.Done() < t.Total && p.pace.due(time.Since(p.begun))
	p.mu.Unlock()
	if due {
		p.say("drydock: " + progress(t, time.Since(p.begun)) + "\n")
	}
}

// finish tells the end of all, and returns the exit code.
func (p *manyPrinter) finish(s *fanout.Summary) int {
	p.screen.stop()
	took := time.Since(p.begun)
	code := s.ExitCode()
	line, err := summaryLine(s, took)
	if err == nil {
		err = p.results.end(line)
	}
	if p.json != nil {
		p.json.raw(line)
	} else if !p.o.Quiet || code != exitOK {
		p.mu.Lock()
		try := p.try
		p.mu.Unlock()
		p.say(summaryText(p.style, s, took, try))
	}
	if err != nil {
		fmt.Fprintf(p.w.Stderr, "drydock: %v\n", err)
		if code == exitOK {
			code = exitFault // a script that relies on the file must not go on
		}
	}
	return code
}

// streams are where a task's output goes: whole lines, so that tasks do not
// cut into each other's. flush writes what has no end of its own.
func (p *manyPrinter) streams(name string) (s sandbox.Streams, flush func()) {
	if p.json != nil {
		return s, func() {}
	}
	prefix := ""
	if p.o.Tag {
		prefix = name + "\t"
	}
	out := &lineWriter{prefix: prefix, write: func(b []byte) error { return p.screen.pass(p.w.Stdout, b) }}
	errs := &lineWriter{prefix: prefix, write: func(b []byte) error { return p.screen.pass(p.w.Stderr, b) }}
	return sandbox.Streams{Stdout: out, Stderr: errs}, func() { out.flush(); errs.flush() }
}

// summaryLine is the last line of --json and --result.
func summaryLine(s *fanout.Summary, took time.Duration) ([]byte, error) {
	doc := struct {
		Type      string                 `json:"type"`
		Version   int                    `json:"version"`
		Time      time.Time              `json:"time"`
		Tasks     int                    `json:"tasks"`
		Succeeded int                    `json:"succeeded"`
		Failed    int                    `json:"failed"`
		Stopped   int                    `json:"stopped"`
		Unstarted int                    `json:"not_started"`
		Cause     string                 `json:"cause,omitempty"`
		Verdicts  map[executor.Class]int `json:"verdicts"`
		Failures  []fanout.Failure       `json:"failures,omitempty"`
		Seconds   float64                `json:"seconds"`
		ExitCode  int                    `json:"exit_code"`
	}{"summary", 1, time.Now().UTC(), s.Total, s.Succeeded, s.Failed, s.Stopped, s.Unstarted, causeText(s.Cause),
		s.Verdicts, s.Failures, took.Seconds(), s.ExitCode()}
	return json.Marshal(doc)
}

func causeText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
