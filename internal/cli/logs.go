// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/internal/crilog"
	"drydock/internal/options"
	"drydock/internal/state"
)

type logsOptions struct {
	deskOptions
	Follow, Timestamps           bool
	Tail, Since, Attempt, Stream string
}

var logsPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Prints what a task printed, its standard output here on standard output and its standard
error on standard error: of its last attempt, or of the one that --attempt names. With -f
it goes on while the task runs, through its later attempts, and ends with it; Ctrl-C ends
the reading, not the task. Bytes that are no UTF-8 come as U+FFFD.

Of each attempt the last log_max_files files of log_max_size are kept (5 of 10Mi, as a
kubelet keeps them; settings). A line on standard error says how many older ones are gone.

` + whichTasks,
	Examples: []example{
		{"What has it printed?", "drydock logs last"},
		{"Follow it from its last ten lines on", "drydock logs last -f --tail 10"},
		{"Why did the first attempt fail?", "drydock logs 01JDX3Q9 --attempt 1 --stream stderr"},
	},
	Exits: []exit{{"0", "printed"}, {"125", "no such task or attempt, or drydock's own failure"}, {"130", "Ctrl-C while it followed"}},
}

func newLogsCommand(w World) *cli.Command {
	var o logsOptions
	return &cli.Command{
		Name:      "logs",
		Usage:     "print what a task printed, or follow it",
		ArgsUsage: "ID",
		Flags: deskFlags(&o.deskOptions,
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Destination: &o.Follow, Usage: "go on while the task runs"},
			&cli.StringFlag{Name: "tail", Destination: &o.Tail, Usage: "`N` only the last lines (all)"},
			&cli.StringFlag{Name: "since", Destination: &o.Since, Usage: "`TIME` only what came later: a time (RFC 3339) or how long ago (10m)"},
			&cli.StringFlag{Name: "attempt", Destination: &o.Attempt, Usage: "`N` of this attempt: 1, 2, …, or last (last)"},
			&cli.StringFlag{Name: "stream", Destination: &o.Stream, Usage: "`stdout|stderr` only this one"},
			&cli.BoolFlag{Name: "timestamps", Aliases: []string{"t"}, Destination: &o.Timestamps, Usage: "begin each line with its time"},
		),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runLogs(c.Context, w, o, c.Args().Slice())
		},
	}
}

func runLogs(ctx context.Context, w World, o logsOptions, args []string) error {
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	r, err := o.reading(w.Now())
	if err != nil {
		return err
	}
	id, err := d.oneTask(args)
	if err != nil {
		return err
	}
	if r.attempt, err = d.attemptNumber(id, o.Attempt, r.follow); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	p := &logPrinter{w: w, id: id, json: o.JSON, times: o.Timestamps, lines: map[string]bool{}}
	err = d.output(ctx, id, r, p.print)
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	return err
}

func (o logsOptions) reading(now time.Time) (reading, error) {
	r := reading{follow: o.Follow, tail: -1, stream: o.Stream}
	if o.Given["tail"] {
		n, err := strconv.Atoi(o.Tail)
		if err != nil || n < 0 {
			return r, usagef("accepted: 0 or more", "--tail %s is no number of lines", shellQuote(o.Tail))
		}
		r.tail = n
	}
	if o.Given["stream"] && !slices.Contains([]string{"stdout", "stderr"}, o.Stream) {
		return r, usagef("accepted: stdout, stderr", "--stream %s is not known", shellQuote(o.Stream))
	}
	if o.Given["since"] {
		var err error
		if r.since, err = sinceTime(o.Since, now); err != nil {
			return r, err
		}
	}
	return r, nil
}

// sinceTime reads a time, or how long ago it was.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := options.Wait(text)
	if err != nil {
		return time.Time{}, usagef("accepted: a time such as 2026-01-02T15:04:05Z, or how long ago, such as 10m", "--since %s is no time", shellQuote(text))
	}
	return now.Add(-ago), nil
}

// attemptNumber finds the attempt that a word means; "" is the last. Following
// a task that has none yet begins with its first.
func (d *desk) attemptNumber(id, word string, follow bool) (int, error) {
	dir, err := state.Open(d.stateDir)
	if err != nil {
		return 0, err
	}
	all, err := dir.Attempts(id)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		if follow && (word == "" || word == lastTask || word == "1") {
			return 1, nil
		}
		return 0, usagef("wait for it with -f; drydock inspect "+id+" says how it stands", "task %s has no attempt yet: nothing was started", id)
	}
	if word == "" || word == lastTask {
		return all[len(all)-1], nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || !slices.Contains(all, n) {
		return 0, usagef(fmt.Sprintf("accepted: 1 to %d, last", all[len(all)-1]), "--attempt %s: task %s has no such attempt", shellQuote(word), id)
	}
	return n, nil
}

// logPrinter prints lines of a log, each to the stream that it came from.
type logPrinter struct {
	w     World
	id    string
	json  bool
	times bool
	lines map[string]bool // streams in the middle of a line
}

// logLine is a line of logs --json.
type logLine struct {
	Type    string    `json:"type"` // "output", as in run --json; "note": text says what is not kept
	Time    time.Time `json:"time,omitzero"`
	ID      string    `json:"id"`
	Attempt int       `json:"attempt"`
	Stream  string    `json:"stream,omitempty"`
	Text    string    `json:"text"`
	Partial bool      `json:"partial,omitempty"` // more of the same line follows
}

func (p *logPrinter) print(a attemptLines) error {
	for _, l := range a.lines {
		if p.json {
			kind := "output"
			if l.Note {
				kind = "note"
			}
			data, err := json.Marshal(logLine{kind, l.Time, p.id, a.attempt, l.Stream, l.Text, l.Partial})
			if err != nil {
				return err
			}
			if _, err := p.w.Stdout.Write(append(data, '\n')); err != nil {
				return err
			}
			continue
		}
		if err := p.line(l); err != nil {
			return err
		}
	}
	return nil
}

func (p *logPrinter) line(l crilog.Line) error {
	if l.Note {
		_, err := fmt.Fprintf(p.w.Stderr, "drydock: %s\n", l.Text)
		return err
	}
	var b strings.Builder
	if p.times && !p.lines[l.Stream] {
		b.WriteString(l.Time.Format("2006-01-02T15:04:05.000Z07:00 "))
	}
	b.WriteString(l.Text)
	if p.lines[l.Stream] = l.Partial; !l.Partial {
		b.WriteByte('\n')
	}
	out := p.w.Stdout
	if l.Stream == "stderr" {
		out = p.w.Stderr
	}
	_, err := io.WriteString(out, b.String())
	return err
}
