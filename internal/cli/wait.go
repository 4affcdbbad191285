// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/options"
	"drydock/internal/report"
)

type waitOptions struct {
	deskOptions
	Timeout string
}

var waitPage = page{
	Usages: []string{"ID… [FLAG…]"},
	About: `Waits until the tasks have ended, prints a line for each as it ends, and exits as drydock
run would have. A task whose drydock was killed is taken up: wait sees it to its end and
judges it. Ctrl-C ends the waiting, not the task.

` + whichTasks,
	Examples: []example{
		{"Go on when it is done", "drydock wait last && ./evaluate"},
		{"All that run", "drydock wait $(drydock ps -q)"},
		{"For a script", "drydock wait 01JDX3Q9 --json | jq -r .verdict"},
	},
	Exits: []exit{
		{"N", "as drydock run after such an end; of several, of the first that did not succeed"},
		{"124", "they did not end within --timeout (or a task ran out of its own)"},
		{"125", "no such task, or drydock's own failure"},
		{"130", "Ctrl-C"},
	},
}

func newWaitCommand(w World) *cli.Command {
	var o waitOptions
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait for tasks to end, and exit as they did",
		ArgsUsage: "ID…",
		Flags: deskFlags(&o.deskOptions,
			&cli.StringFlag{Name: "timeout", Destination: &o.Timeout, Usage: "`D` to wait at most (for ever)"},
		),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runWait(c.Context, w, o, c.Args().Slice())
		},
	}
}

var errWaited = errors.New("waited long enough")

func runWait(ctx context.Context, w World, o waitOptions, args []string) error {
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	ids, err := d.tasks(args)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	if o.Given["timeout"] {
		patience, err := options.Timeout(o.Timeout)
		if err != nil {
			return flagged("--timeout", err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, errWaited)
		defer cancel()
	}
	ends, failed := d.awaitAll(ctx, ids, d.over)
	switch {
	case errors.Is(context.Cause(ctx), errWaited):
		fmt.Fprintf(w.Stderr, "drydock: not all have ended within %s; wait longer with --timeout, or end them with drydock stop\n", o.Timeout)
		return codeError{executor.ExitTimeout}
	case ctx.Err() != nil:
		return interrupted(ctx)
	case failed:
		return codeError{exitFault}
	}
	for _, r := range ends {
		if code := executor.ExitCode(r); code != exitOK {
			return codeError{code}
		}
	}
	return nil
}

// awaitAll waits for all tasks at a time and tells each end when it comes. It
// returns the ends in the order of the ids; what went wrong with one is told,
// too, and the others are waited for.
func (d *desk) awaitAll(ctx context.Context, ids []string, await func(context.Context, string) (*executor.Result, error)) (ends []*executor.Result, failed bool) {
	ends = make([]*executor.Result, len(ids))
	var telling sync.Mutex // guards failed and keeps lines whole
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			r, err := await(ctx, id)
			telling.Lock()
			defer telling.Unlock()
			if err == nil {
				ends[i] = r
				err = tellEnd(d.w, d.json, r)
			}
			if err != nil && ctx.Err() == nil {
				failed = true
				fmt.Fprintf(d.w.Stderr, "drydock: task %s: %v\n", id, err)
			}
		})
	}
	all.Wait()
	return ends, failed
}

// tellEnd prints how a task ended, as one line.
func tellEnd(w World, asJSON bool, r *executor.Result) error {
	if asJSON {
		line, err := executor.EventJSON(executor.Event{Type: executor.EventEnded, Time: r.EndedAt, ID: r.ID, Ended: r})
		if err != nil {
			return err
		}
		_, err = w.Stdout.Write(append(line, '\n'))
		return err
	}
	s := styleOf(w, w.Stdout)
	what := s.Good("succeeded")
	if r.Verdict.Class != executor.Succeeded {
		what = s.Bad(report.OneLine(r.Verdict.Message))
	}
	text := r.ID + "  " + what
	if took := lastLasted(r); took > 0 {
		text += s.Dim(" (" + report.Lasted(took) + ")")
	}
	_, err := io.WriteString(w.Stdout, text+"\n")
	return err
}

// lastLasted is how long the last attempt ran.
func lastLasted(r *executor.Result) time.Duration {
	if len(r.Attempts) == 0 {
		return 0
	}
	last := r.Attempts[len(r.Attempts)-1]
	if last.StartedAt.IsZero() {
		return 0
	}
	return max(0, last.EndedAt.Sub(last.StartedAt))
}
