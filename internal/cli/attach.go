// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/report"
)

type attachOptions struct {
	deskOptions
	Tail string
}

var attachPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Shows what a running task prints, from its last lines on, then how it ended, and exits as
drydock run would have. Ctrl-C detaches: the task goes on. It works for a task in another
terminal, in the background, and for one whose drydock was killed, which is taken up.

Standard input cannot be attached: what drydock run was given stays with it.

` + whichTasks,
	Examples: []example{
		{"Look on", "drydock attach last"},
		{"From its beginning", "drydock attach last --tail 1000000"},
	},
	Exits: []exit{
		{"N", "what drydock run exits with after such an end"},
		{"0", "detached with Ctrl-C, or it succeeded"},
		{"125", "no such task, or drydock's own failure"},
	},
}

func newAttachCommand(w World) *cli.Command {
	var o attachOptions
	return &cli.Command{
		Name:      "attach",
		Usage:     "show a running task's output, and how it ends",
		ArgsUsage: "ID",
		Flags: deskFlags(&o.deskOptions,
			&cli.StringFlag{Name: "tail", Destination: &o.Tail, Usage: "`N` of the lines that are there already (10)"},
		),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runAttach(c.Context, w, o, c.Args().Slice())
		},
	}
}

const attachTail = 10

func runAttach(ctx context.Context, w World, o attachOptions, args []string) error {
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	r := reading{follow: true, tail: attachTail}
	if o.Given["tail"] {
		if r.tail, err = strconv.Atoi(o.Tail); err != nil || r.tail < 0 {
			return usagef("accepted: 0 or more", "--tail %s is no number of lines", shellQuote(o.Tail))
		}
	}
	id, err := d.oneTask(args)
	if err != nil {
		return err
	}
	t, err := d.read(ctx, id)
	d.close()
	if err != nil {
		return err
	}
	if t.Status == history.Ended {
		return usagef("drydock logs "+id+" prints its output, drydock inspect "+id+" how it ended", "task %s has ended: %s", id, report.Word(t.Class))
	}
	if r.attempt, err = d.attemptNumber(id, "", true); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	return d.attach(ctx, id, r, o.JSON)
}

// attach passes the output on and tells the end.
func (d *desk) attach(ctx context.Context, id string, r reading, asJSON bool) error {
	w := d.w
	p := &logPrinter{w: w, id: id, json: asJSON, lines: map[string]bool{}}
	ended := make(chan error, 1)
	var result *executor.Result
	go func() { // ends with ctx; it takes up a task that nobody looks after
		var err error
		result, err = d.over(ctx, id)
		ended <- err
	}()
	err := d.output(ctx, id, r, p.print)
	if err == nil {
		err = <-ended
	}
	if ctx.Err() != nil {
		fmt.Fprintf(w.Stderr, "drydock: detached; task %s goes on (drydock attach %s, drydock stop %s)\n", id, id, id)
		return nil
	}
	if err != nil {
		return err
	}
	if asJSON {
		err = tellEnd(w, true, result)
	} else {
		_, err = fmt.Fprint(w.Stderr, report.End(styleOf(w, w.Stderr), result))
	}
	if code := executor.ExitCode(result); err == nil && code != exitOK {
		return codeError{code}
	}
	return err
}
