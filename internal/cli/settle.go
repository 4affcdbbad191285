// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/report"
	"drydock/internal/state"
)

// list lists tasks, after it has recovered what kills and crashes left of any:
// what dead supervisors left is removed, and the ends of tasks are written down
// that nobody looks after. What goes wrong with that is told, and is no error.
func (d *desk) list(ctx context.Context, f history.Filter) ([]history.Task, error) {
	if s, ok := d.w.Sandboxes.(interface {
		Reclaim(context.Context, Place) error
	}); ok {
		if err := s.Reclaim(ctx, placeOf(d.settings)); err != nil {
			d.tell("what dead supervisors left could not all be removed: %v", err)
		}
	}
	tasks, err := d.index.List(ctx, f)
	if err != nil {
		return nil, err
	}
	settled := false
	for _, id := range d.index.Unsettled() {
		done, err := d.settle(ctx, id)
		settled = settled || done
		if err != nil {
			d.tell("task %s could not be brought to its end: %v", id, err)
		}
	}
	if settled {
		return d.index.List(ctx, f)
	}
	return tasks, nil
}

// settleAll does for a command that lists nothing what list does.
func settleAll(ctx context.Context, w World, o doctorOptions) error {
	d, err := openDesk(w, deskOptions{JSON: o.JSON, StateDir: o.StateDir, Config: o.Config, Given: o.Given})
	if err != nil {
		return err
	}
	x, err := d.openIndex(ctx)
	if x == nil {
		return err
	}
	defer d.close()
	_, err = d.list(ctx, history.Filter{Statuses: []history.Status{history.Running}})
	return err
}

// settle ends a task that nobody looks after and of which nothing runs any
// more, and reports whether it did. Any other is left alone.
func (d *desk) settle(ctx context.Context, id string) (done bool, err error) {
	dir, err := state.Open(d.stateDir)
	if err != nil {
		return false, err
	}
	numbers, err := dir.Attempts(id)
	if err != nil {
		return false, err
	}
	if held, err := dir.Held(id); held || err != nil || d.anyAlive(dir, id, numbers) {
		return false, err
	}
	if len(numbers) == 0 && !exists(filepath.Join(dir.Task(id), state.TaskFile)) && !dir.EndRecorded(id) {
		return true, dir.RemoveTask(id) // it was killed before it said what the task is
	}
	r, err := d.adopt(ctx, id)
	switch {
	case errors.Is(err, executor.ErrInUse):
		return false, nil
	case err != nil:
		return false, err
	case !dir.EndRecorded(id):
		return false, notSettled(r)
	case !d.json: // else the list says it
		d.tell("task %s had been left alone; its verdict: %s", id, report.Word(r.Verdict.Class))
	}
	return true, nil
}

// notSettled says why a task's end is not recorded: it cannot be written down,
// or be found out, because an engine is away, for example.
func notSettled(r *executor.Result) error {
	for _, w := range r.Warnings {
		if w.Field == "state" {
			return errors.New(report.OneLine(w.Text) + "; its verdict: " + report.OneLine(r.Verdict.Message))
		}
	}
	return errors.New(report.OneLine(r.Verdict.Message))
}

// anyAlive reports whether a supervisor of any of the task's attempts lives.
func (d *desk) anyAlive(dir *state.Dir, id string, attempts []int) bool {
	return slices.ContainsFunc(attempts, func(n int) bool { return d.alive(dir.Attempt(id, n)) })
}

// tell says something beside what the command was asked for.
func (d *desk) tell(format string, args ...any) {
	fmt.Fprintf(d.w.Stderr, "drydock: "+format+"\n", args...)
}
