// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/report"
	"drydock/sandbox"
)

type attachOptions struct {
	deskOptions
	Stdin            bool
	Tail, DetachKeys string
}

var attachPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Shows what a running task prints, from its last lines on, then how it ended, and exits as
drydock run would have. Ctrl-C detaches: the task goes on. It works for a task in another
terminal, in the background, and for one whose drydock was killed, which is taken up.

With -i it types into the task, too: standard input goes to the program's, beside what drydock
run passes on and others who attach. That needs a task whose standard input is still open: the
end of drydock run's own (</dev/null, a pipe that is through) is the program's end of input. The
end of attach's is not, so that echo yes | drydock attach -i ID answers a question and looks on.

A task with a terminal (drydock run -t) stays open, also when its drydock is gone. In a terminal
attach -i then passes every key on, Ctrl-C included, and the size of the window; the detach keys
leave the task alone again (ctrl-p ctrl-q, as docker's; --detach-keys).

` + whichTasks,
	Examples: []example{
		{"Look on", "drydock attach last"},
		{"From its beginning", "drydock attach last --tail 1000000"},
		{"Type into a shell that was begun with drydock run -t", "drydock attach -i last"},
		{"Answer its question", "echo yes | drydock attach -i 01JDX3Q9"},
	},
	Exits: []exit{
		{"N", "what drydock run exits with after such an end"},
		{"0", "detached with Ctrl-C or the detach keys, or it succeeded"},
		{"125", "no such task, it takes no input, or drydock's own failure"},
	},
}

func newAttachCommand(w World) *cli.Command {
	var o attachOptions
	return &cli.Command{
		Name:      "attach",
		Usage:     "show a running task's output and how it ends, and type into it",
		ArgsUsage: "ID",
		Flags: deskFlags(&o.deskOptions,
			&cli.BoolFlag{Name: "stdin", Aliases: []string{"i"}, Destination: &o.Stdin, Usage: "pass standard input on to the task"},
			&cli.StringFlag{Name: "detach-keys", Destination: &o.DetachKeys, Value: defaultDetachKeys, Usage: "`KEYS` that end attach -i in a terminal"},
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
	keys, err := parseDetachKeys(o.DetachKeys)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	ctx, detach := context.WithCancelCause(ctx)
	defer detach(nil)
	leave := func() {}
	if o.Stdin {
		leave = d.typeInto(ctx, t, r.attempt, keys, detach)
	}
	return d.attach(ctx, id, r, o.JSON, leave)
}

// typeInto passes standard input on to the task, from attempt n on, until
// leave. A task that takes none is detached from, with the reason as the cause.
func (d *desk) typeInto(ctx context.Context, t history.Task, n int, keys []byte, detach context.CancelCauseFunc) (leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		y := &typing{desk: d, task: t, keys: keys, detach: func() { detach(nil) }}
		defer y.end()
		if err := y.run(ctx, n); err != nil && ctx.Err() == nil {
			detach(err)
		}
		<-ctx.Done() // a terminal stays as it is to the end of the output
	}()
	return func() { cancel(); <-done }
}

// attach passes the output on and tells the end. leave ends the typing.
func (d *desk) attach(ctx context.Context, id string, r reading, asJSON bool, leave func()) error {
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
	leave()
	if ctx.Err() != nil {
		return d.detached(id, context.Cause(ctx), p.lines["stdout"] && isTerminal(w.Stderr))
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

// detached tells that the task goes on without us, and why if not for the
// person's wish. inside says that the terminal shows an unfinished line.
func (d *desk) detached(id string, cause error, inside bool) error {
	if inside {
		fmt.Fprintln(d.w.Stderr)
	}
	d.tell("detached; task %s goes on (drydock attach %s, drydock stop %s)", id, id, id)
	var asked executor.SignalCause
	switch {
	case errors.Is(cause, sandbox.ErrNoInput):
		return usagef("leave -i out to look on; drydock run passes its own standard input on, and with -t keeps a terminal open",
			"task %s: %v", id, cause)
	case errors.Is(cause, context.Canceled) || errors.As(cause, &asked):
		return nil
	}
	return cause
}
