// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drydock/executor"
	"drydock/internal/crilog"
	"drydock/internal/state"
)

// look is how often a task that somebody else runs is looked at.
const look = 50 * time.Millisecond

// pause waits a moment, or returns ctx's error.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(look):
		return nil
	}
}

// over waits until the task has ended and its end is recorded. Nobody else may
// have it in hands: then it is adopted, seen to its end and judged here. ctx
// ends the waiting, never the task.
func (d *desk) over(ctx context.Context, id string) (*executor.Result, error) {
	dir, err := state.Open(d.stateDir)
	if err != nil {
		return nil, err
	}
	for {
		if dir.EndRecorded(id) {
			rec, err := executor.ReadRecorded(d.stateDir, id)
			if err != nil {
				return nil, err
			}
			if rec.Result == nil {
				return nil, errors.Join(append(rec.Problems, fmt.Errorf("the end of task %s cannot be read", id))...)
			}
			return rec.Result, nil
		}
		held, err := dir.Held(id)
		if err != nil {
			return nil, err
		}
		if !held {
			r, err := d.adopt(ctx, id)
			if !errors.Is(err, executor.ErrInUse) {
				return r, err
			}
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// adopt sees a task to its end that nobody looks after. When ctx ends first,
// the task goes on without us once this process is gone.
func (d *desk) adopt(ctx context.Context, id string) (*executor.Result, error) {
	x, err := d.executor()
	if err != nil {
		return nil, err
	}
	type end struct {
		result *executor.Result
		err    error
	}
	ended := make(chan end, 1)
	go func() { // outlives ctx's end only as long as this process
		r, err := x.Adopt(context.WithoutCancel(ctx), id)
		ended <- end{r, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case e := <-ended:
		if errors.Is(e.err, executor.ErrInUse) {
			return nil, executor.ErrInUse
		}
		return e.result, nil // the verdict says it all
	}
}

// attemptLines is what an attempt printed.
type attemptLines struct {
	attempt int
	lines   []crilog.Line
}

// reading says which part of a task's output is read.
type reading struct {
	attempt int    // the first, and the only one without follow
	follow  bool   // what comes, too, also from later attempts
	tail    int    // lines of the first attempt; negative: all
	stream  string // "": both
	since   time.Time
}

// output calls f with what the task printed and, following it, prints.
func (d *desk) output(ctx context.Context, id string, r reading, f func(attemptLines) error) error {
	dir, err := state.Open(d.stateDir)
	if err != nil {
		return err
	}
	for n := r.attempt; ; n++ {
		path := filepath.Join(dir.Attempt(id, n), "log")
		var from crilog.Position
		if n == r.attempt && r.tail >= 0 {
			if from, err = crilog.Tail(path, r.tail, r.stream); err != nil {
				return err
			}
		}
		over, stop := d.attemptOver(ctx, dir, id, n, r.follow)
		err := crilog.FollowFrom(ctx, path, from, over, func(lines []crilog.Line) error {
			if kept := r.pick(lines); len(kept) > 0 {
				return f(attemptLines{n, kept})
			}
			return nil
		})
		stop()
		if err != nil || !r.follow {
			return err
		}
		if more, err := d.anotherAttempt(ctx, dir, id, n+1); !more {
			return err
		}
	}
}

// pick leaves the lines that are asked for, and what is said about missing ones.
func (r reading) pick(lines []crilog.Line) []crilog.Line {
	var kept []crilog.Line
	for _, l := range lines {
		if l.Note || (r.stream == "" || l.Stream == r.stream) && !l.Time.Before(r.since) {
			kept = append(kept, l)
		}
	}
	return kept
}

// attemptOver returns a channel that is closed when nothing more can come of
// an attempt; at once, unless it is followed.
func (d *desk) attemptOver(ctx context.Context, dir *state.Dir, id string, n int, follow bool) (over <-chan struct{}, stop func()) {
	c := make(chan struct{})
	if !follow {
		close(c)
		return c, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		for d.attemptGoesOn(dir, id, n) {
			if pause(ctx) != nil {
				return
			}
		}
		close(c)
	}()
	return c, func() { cancel(); <-done }
}

// attemptGoesOn reports whether an attempt may still print: it has no outcome,
// and its supervisor lives or somebody is about to start it.
func (d *desk) attemptGoesOn(dir *state.Dir, id string, n int) bool {
	if exists(filepath.Join(dir.Attempt(id, n), state.OutcomeFile)) || dir.EndRecorded(id) {
		return false
	}
	if d.alive(dir.Attempt(id, n)) {
		return true
	}
	held, err := dir.Held(id)
	return err == nil && held && !exists(dir.Attempt(id, n+1))
}

// anotherAttempt waits until attempt n has begun, or never will.
func (d *desk) anotherAttempt(ctx context.Context, dir *state.Dir, id string, n int) (bool, error) {
	for {
		if exists(dir.Attempt(id, n)) {
			return true, nil
		}
		held, err := dir.Held(id)
		if err != nil || dir.EndRecorded(id) || !held {
			return exists(dir.Attempt(id, n)), err // it may have begun meanwhile
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
