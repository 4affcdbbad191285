// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"drydock/internal/state"
	"drydock/sandbox"
)

// ErrNeverStarted is wrapped by Adopt's error when nothing of the task ever
// ran, nor ever will.
var ErrNeverStarted = errors.New("the task was never started")

// ErrInUse is wrapped by Adopt's error (a *RefusedError) while the task is in
// other hands: a Run or an Adopt that goes on, in this process or another.
var ErrInUse = errors.New("the task is in use")

// Adopt continues a task that an earlier process began and left, and sees it
// to its end as Run does; it returns what Run would have. It starts nothing:
// a task with retries is judged by the last attempt that began.
//
//   - While the attempt's supervisor lives, Adopt follows it: events come from
//     now on (after one that tells that it has started), ctx and WithKill stop
//     it, and what it holds counts in admission at once, even beyond the
//     capacity (see WithLoan). Its output goes to its log only: WithStreams,
//     WithOutputEvents and WithResize do nothing.
//   - An attempt that has ended meanwhile is judged by what it left. A second
//     Adopt comes to the same end.
//   - A supervisor that was killed left nothing to judge by: the verdict is
//     unknown, and what it left running is ended.
//   - If no attempt ever began, the error wraps ErrNeverStarted, and the id is
//     used up: nobody can start anything under it any more. So it is for an
//     id that no task was ever recorded under.
//
// Of a task that was recorded, Result.Task holds what its record does: the
// values of environment variables and the mounts are missing. While another
// Run or Adopt has the task the error wraps ErrInUse; the task of a process
// that has just been killed is waited for.
func (x *Executor) Adopt(ctx context.Context, id string, opts ...RunOption) (*Result, error) {
	r := x.newRun(Task{}, opts)
	defer func() { r.unlock() }()
	if err := r.adopt(ctx, id); err != nil {
		r.giveUp(err)
	}
	if r.restored {
		r.tellEnd()
	} else {
		r.finish()
	}
	return r.result, verdictError(r.result)
}

// adopt does Adopt's work; an error means that there is no attempt whose
// verdict could be the task's.
func (r *run) adopt(ctx context.Context, id string) error {
	if err := r.configure(); err != nil {
		return err
	}
	if err := r.use(id); err != nil {
		return err
	}
	if err := r.takeOver(); err != nil {
		return err
	}
	ended, err := r.restoreEnded()
	if ended || err != nil {
		return err
	}
	if err := r.restoreTask(); err != nil {
		return err
	}
	// Also when ctx has ended already: what runs must be found to be stopped.
	if err := r.choose(context.WithoutCancel(ctx)); err != nil {
		r.sandbox = absent{err: err}
	}
	ctx, stop := r.killable(ctx)
	defer stop()
	numbers, err := r.state.Attempts(id)
	if err != nil {
		return err
	}
	return r.restoreLast(numbers, func(n int) (Attempt, error) { return r.continued(ctx, n) })
}

// restoreLast makes the verdict of the last attempt that began the task's; last
// judges it, and its error wraps sandbox.ErrNotBegun for one that never began.
func (r *run) restoreLast(numbers []int, last func(n int) (Attempt, error)) error {
	for i := len(numbers) - 1; i >= 0; i-- {
		a, err := last(numbers[i])
		if errors.Is(err, sandbox.ErrNotBegun) {
			continue
		}
		if err != nil {
			return err
		}
		for _, n := range numbers[:i] {
			before, err := r.restoreAttempt(n)
			if err != nil {
				return err
			}
			r.result.Attempts = append(r.result.Attempts, before)
		}
		r.hintUntried(&a)
		r.conclude(a)
		return nil
	}
	return r.neverStarted()
}

// takeOverPatience is how long the task of a dying process is waited for: a
// kill takes a moment to free its locks.
const (
	takeOverPatience = 2 * time.Second
	takeOverPause    = 20 * time.Millisecond
)

// takeOver takes the task's lock, so that the process that began it, should
// it live after all, starts nothing more. The id of no task becomes one here.
func (r *run) takeOver() error {
	if _, err := r.state.CreateTask(r.id); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for deadline := time.Now().Add(takeOverPatience); ; time.Sleep(takeOverPause) {
		err := r.lock()
		if !errors.Is(err, ErrInUse) || time.Now().After(deadline) {
			return err
		}
	}
}

// neverStarted ends a task of which nothing ran. The error that giveUp makes
// of it is recorded, so that another Adopt comes to the same end.
func (r *run) neverStarted() error {
	r.recorded = true
	return ErrNeverStarted
}

// continued follows attempt n to its end and judges it. The error wraps
// sandbox.ErrNotBegun when it never began.
func (r *run) continued(ctx context.Context, n int) (Attempt, error) {
	dir := r.state.Attempt(r.id, n)
	var record demandRecord
	err := state.ReadJSON(filepath.Join(dir, state.DemandFile), demandVersion, &record)
	if errors.Is(err, fs.ErrNotExist) { // it is written before the sandbox starts
		removeScratch(dir)
		return Attempt{}, sandbox.ErrNotBegun
	}
	if err != nil && !errors.Is(err, state.ErrTorn) { // the sandbox knows whether it began
		return Attempt{}, err
	}
	attacher, ok := r.sandbox.(sandbox.Attacher)
	if !ok {
		return Attempt{}, errors.New("this sandbox cannot follow what another process started")
	}
	devices := record.Accelerators
	claim := r.readmit(n, record.Demand, devices.held())
	defer r.release(claim, devices)
	defer r.opts.loan.of(claim)()

	running, err := attacher.Attach(context.WithoutCancel(ctx), sandbox.Spec{ID: r.id, Attempt: n, Dir: dir})
	if err != nil {
		return Attempt{}, fmt.Errorf("follow attempt %d of %s: %w", n, r.id, err)
	}
	r.recorded = true
	defer removeScratch(dir)
	r.emitter.begin(n)
	a := Attempt{Number: n, Demand: record.Demand, Accelerators: devices, Dir: dir}
	r.tellAdmitted(a, record.Enforcement)
	grace := time.Duration(record.Grace * float64(time.Second))
	unfollow := r.resumeDevices(dir)
	outcome, err := r.accompany(ctx, running, record.Limits, grace)
	unfollow()
	r.judge(ctx, &a, outcome, err, record.Judge)
	return a, nil
}
