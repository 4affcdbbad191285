// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/options"
	"drydock/internal/state"
	"drydock/sandbox"
)

type stopOptions struct {
	deskOptions
	Grace string
}

const stopAbout = ` The
verdict is aborted, and whoever waits for the task is told; it is not tried again. A task
that waits for room is taken out of the queue.

An action of a Flyte run ends so, too; flyte abort run ends all of a run.

` + whichTasks

var stopPage = page{
	Usages: []string{"ID… [FLAG…]"},
	About:  `Ends tasks in order: SIGTERM, then SIGKILL after the grace period, and waits for it.` + stopAbout,
	Examples: []example{
		{"End the newest task", "drydock stop last"},
		{"Give it a minute to save what it has", "drydock stop 01JDX3Q9 --grace 1m"},
		{"End everything", "drydock stop $(drydock ps -q)"},
	},
	Exits: []exit{{"0", "they have ended, or had already"}, {"1", "one could not be stopped"}, {"125", "no such task, or drydock's own failure"}},
}

var killPage = page{
	Usages: []string{"ID… [FLAG…]"},
	About:  `Ends tasks at once with SIGKILL, and waits for it.` + stopAbout,
	Examples: []example{
		{"It does not listen", "drydock kill last"},
	},
	Exits: stopPage.Exits,
}

func newStopCommand(w World) *cli.Command {
	var o stopOptions
	return &cli.Command{
		Name:      "stop",
		Usage:     "end tasks in order",
		ArgsUsage: "ID…",
		Flags: deskFlags(&o.deskOptions,
			&cli.StringFlag{Name: "grace", Destination: &o.Grace, Usage: "`D` between SIGTERM and SIGKILL (as the task was started with)"},
		),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runStop(c.Context, w, o, false, c.Args().Slice())
		},
	}
}

func newKillCommand(w World) *cli.Command {
	var o stopOptions
	return &cli.Command{
		Name:      "kill",
		Usage:     "end tasks at once",
		ArgsUsage: "ID…",
		Flags:     deskFlags(&o.deskOptions),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runStop(c.Context, w, o, true, c.Args().Slice())
		},
	}
}

func runStop(ctx context.Context, w World, o stopOptions, kill bool, args []string) error {
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	s := stopping{desk: d}
	switch {
	case kill:
		s.grace = new(time.Duration)
	case o.Given["grace"]:
		grace, err := options.Wait(o.Grace)
		if err != nil {
			return flagged("--grace", err)
		}
		s.grace = &grace
	}
	ids, err := d.tasks(args)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	if _, err := d.openIndex(ctx); err != nil {
		return err
	}
	defer d.close()
	_, failed := d.awaitAll(ctx, ids, s.end)
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx)
	case failed:
		return codeError{exitProblems}
	}
	return nil
}

// stopping ends tasks.
type stopping struct {
	*desk
	grace *time.Duration // nil: each task's own; 0: at once
}

// end asks a task to end, whatever state it is in, and waits until it has.
func (s stopping) end(ctx context.Context, id string) (*executor.Result, error) {
	asked, signalled := 0, false // the attempt that was asked; whether its drydock was
	for {
		t, err := s.read(ctx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case t.Status == history.Ended || t.Status == history.Lost:
			return s.over(ctx, id)
		case t.Status == history.Running && t.Last().Number > asked:
			// An attempt that ended by itself just now may be tried again.
			asked = t.Last().Number
			err = s.stopAttempt(ctx, &t)
		case t.Status == history.Queued && !signalled:
			signalled, err = s.stopQueued(&t)
		}
		if err != nil {
			return nil, err
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// stopAttempt asks the supervisor of the running attempt.
func (s stopping) stopAttempt(ctx context.Context, t *history.Task) error {
	a, err := s.attacher(ctx, t.Image)
	if err != nil {
		return err
	}
	last := t.Last()
	running, err := a.Attach(ctx, sandbox.Spec{ID: t.ID, Attempt: last.Number, Dir: filepath.Dir(last.Log)})
	if errors.Is(err, sandbox.ErrNotBegun) {
		return nil // it has ended meanwhile
	}
	if err != nil {
		return err
	}
	grace := s.grace
	if grace == nil {
		grace = s.ownGrace(t)
	}
	running.Stop(sandbox.StopAbort, *grace)
	go func() { // ends with the attempt; nobody waits for it
		for range running.Events() { // they must be drained
		}
	}()
	return nil
}

// ownGrace is the grace period that the task was started with.
func (s stopping) ownGrace(t *history.Task) *time.Duration {
	grace := executor.DefaultGrace
	if spec, err := readSpec(filepath.Dir(t.Last().Log)); err == nil {
		grace = spec.Grace
	}
	return &grace
}

// stopQueued ends a task that does not run by a signal to its drydock run,
// which lives for this task alone. It reports whether it sent one: meanwhile
// the task may have begun, or ended.
func (s stopping) stopQueued(t *history.Task) (sent bool, err error) {
	dir, err := state.Open(s.stateDir)
	if err != nil {
		return false, err
	}
	pid, err := dir.Holder(t.ID)
	if err != nil {
		return false, err
	}
	if pid == 0 {
		held, err := dir.Held(t.ID)
		if err != nil || !held {
			return false, err
		}
		return false, errors.New("it waits in a process that cannot be seen from here (another user's, or in a container); end it there")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false, unlessGone(err)
	}
	defer unix.Close(fd)
	// The process that was opened is the one that holds the lock, and not
	// another that has got its number since.
	if now, err := dir.Holder(t.ID); err != nil || now != pid {
		return false, err
	}
	if !runsOneTask(pid) {
		return false, fmt.Errorf("it waits inside process %d, which has other tasks, too; flyte abort run ends a run of drydock up, drydock down all of them", pid)
	}
	for range s.signals() {
		if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil {
			return false, unlessGone(err)
		}
	}
	return true, nil
}

// signals is how often drydock run must be told: twice means at once.
func (s stopping) signals() int {
	if s.grace != nil && *s.grace == 0 {
		return 2
	}
	return 1
}

// unlessGone is an error about a process, unless it says that it has ended.
func unlessGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// runsOneTask reports whether a process is a drydock that runs one task and
// takes SIGTERM for the wish to end it.
func runsOneTask(pid int) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	exe, err := os.Readlink(filepath.Join(proc, "exe"))
	if err != nil || filepath.Base(strings.TrimSuffix(exe, " (deleted)")) != "drydock" {
		return false
	}
	line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		return false
	}
	words := strings.Split(string(line), "\x00")
	return len(words) > 1 && (words[1] == "run" || words[1] == "rerun")
}
