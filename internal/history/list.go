// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"drydock/internal/state"
)

// List returns the tasks that the filter takes, the newest first. It brings
// the file up to date on the way.
func (x *Index) List(ctx context.Context, f Filter) ([]Task, error) {
	x.unsettled = nil
	ids, err := x.state.TaskIDs()
	if err != nil {
		return nil, err
	}
	slices.Reverse(ids)
	if x.db == nil {
		return x.listByDirectory(ctx, ids, f)
	}
	tasks, err := x.listByFile(ctx, ids, f)
	if err != nil && damaged(err) {
		_ = x.db.Close() // it is known to be damaged
		if x.db, err = x.rebuild(ctx, err); err == nil {
			tasks, err = x.listByFile(ctx, ids, f)
		}
	}
	if err == nil || ctx.Err() != nil {
		return tasks, err
	}
	x.doubt(err)
	return x.listByDirectory(ctx, ids, f)
}

// batch is how many tasks are written at a time.
const batch = 500

// listByFile lists with the file's help. ids are all tasks', newest first.
func (x *Index) listByFile(ctx context.Context, ids []string, f Filter) ([]Task, error) {
	known, err := knownIDs(ctx, x.db)
	if err != nil {
		return nil, err
	}
	var all, ended []Task
	for _, id := range ids {
		if known[id] {
			delete(known, id)
			continue
		}
		t, ok, err := x.entry(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case !ok:
		case t.recorded() && len(ended) < batch:
			ended = append(ended, t)
		case t.recorded():
			left, err := x.keep(ctx, ended, f)
			if err != nil {
				return nil, err
			}
			all, ended = append(all, left...), append(ended[:0], t)
		case f.takes(&t):
			all = append(all, t)
		}
	}
	left, err := x.keep(ctx, ended, f)
	if err != nil {
		return nil, err
	}
	all = append(all, left...)
	if err := x.forget(ctx, known); err != nil { // their directories are gone
		return nil, err
	}
	if f.ended() {
		kept, err := newest(ctx, x.db, x.state.Root(), f)
		if err != nil {
			return nil, err
		}
		all = append(all, kept...)
	}
	slices.SortFunc(all, func(a, b Task) int { return strings.Compare(b.ID, a.ID) })
	return limited(all, f.Limit), nil
}

// recorded reports whether nothing about the task can change any more.
func (t *Task) recorded() bool { return t.Status == Ended && t.ExitCode != nil }

// entry reads a task; ok is false for one that is just being made or removed.
func (x *Index) entry(ctx context.Context, id string) (t Task, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return t, false, err
	}
	t, err = x.Read(id)
	if errors.Is(err, fs.ErrNotExist) {
		x.unsettled = append(x.unsettled, id)
		return t, false, nil
	}
	if errors.Is(err, fs.ErrPermission) { // another user's (sudo drydock); the others are listed all the same
		return Task{ID: id, Begun: state.IDTime(id), Status: Lost, Dir: x.state.Task(id), Problems: []string{err.Error()}}, true, nil
	}
	if err == nil && (t.Status == Lost || t.Status == Ended && !t.recorded()) {
		x.unsettled = append(x.unsettled, id)
	}
	return t, err == nil, err
}

// keep writes ended tasks into the file. Where it takes nothing more, those
// that the filter takes come back: the file will not have them.
func (x *Index) keep(ctx context.Context, tasks []Task, f Filter) ([]Task, error) {
	err := x.change(func() error { return put(ctx, x.db, x.state.Root(), tasks) })
	if err != nil || !x.frozen {
		return nil, err
	}
	var left []Task
	for i := range tasks {
		if f.takes(&tasks[i]) {
			left = append(left, tasks[i])
		}
	}
	return left, nil
}

// forget removes tasks from the file whose directories are gone.
func (x *Index) forget(ctx context.Context, ids map[string]bool) error {
	return x.change(func() error { return remove(ctx, x.db, slices.Collect(maps.Keys(ids))) })
}

// change writes to the file. A damaged one's error is returned; after any
// other, such as a full disk's, the file stays as it is, which is said once.
func (x *Index) change(write func() error) error {
	if x.frozen {
		return nil
	}
	err := write()
	if err == nil || damaged(err) {
		return err
	}
	x.frozen = true
	x.warn(err)
	return nil
}

// listByDirectory lists without the file: it reads as few directories of
// ended tasks as the filter's limit allows.
func (x *Index) listByDirectory(ctx context.Context, ids []string, f Filter) ([]Task, error) {
	var all []Task
	over := 0 // taken that are neither running nor queued
	for _, id := range ids {
		if (f.Limit > 0 && over >= f.Limit || !f.ended()) && x.state.EndRecorded(id) {
			continue
		}
		t, ok, err := x.entry(ctx, id)
		if err != nil {
			return nil, err
		}
		if !ok || !f.takes(&t) {
			continue
		}
		if !t.live() {
			over++
		}
		all = append(all, t)
	}
	return limited(all, f.Limit), nil
}

func (t *Task) live() bool { return t.Status == Running || t.Status == Queued }

// limited leaves n that are over; 0: all.
func limited(tasks []Task, n int) []Task {
	if n <= 0 {
		return tasks
	}
	over := 0
	return slices.DeleteFunc(tasks, func(t Task) bool {
		if !t.live() {
			over++
		}
		return !t.live() && over > n
	})
}
