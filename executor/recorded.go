// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"drydock/internal/state"
	"drydock/sandbox"
)

// Recorded is what a state directory keeps about a task, whether it has ended,
// still runs, or was left by a crash.
type Recorded struct {
	ID      string
	Task    Task      // without the values of environment variables, and the mounts
	Begun   time.Time // when it was handed in; zero when that was not recorded
	Profile string    // the file of the cluster's rules; "": Flyte's own
	// EnvNames are the variables that were given beside inherited ones; their
	// values are not kept.
	EnvNames []string
	// Result is the task's end; nil until it was recorded.
	Result   *Result
	Attempts []RecordedAttempt // in order
	// Problems are documents that could not be read: a damaged file hides
	// what it says, and nothing else.
	Problems []error
}

// RecordedAttempt is an attempt as far as it is known. Its Outcome and Verdict
// are zero where HasOutcome and HasVerdict say so: it runs, or its supervisor
// was killed.
type RecordedAttempt struct {
	Attempt
	HasOutcome, HasVerdict bool
	Limits                 sandbox.Limits        // as the kernel was told
	Enforcement            []sandbox.Enforcement // as it was, or before its end as it was announced
}

// ReadRecorded reads what is kept about a task. It changes nothing, waits for
// nobody, and may be called while the task runs. An id that no task has gives
// an error that wraps fs.ErrNotExist.
func ReadRecorded(stateDir, id string) (*Recorded, error) {
	dir, err := state.Open(stateDir)
	if err != nil {
		return nil, err
	}
	if !state.ValidID(id) {
		return nil, fmt.Errorf("task %q: %w", id, fs.ErrNotExist)
	}
	r := &Recorded{ID: id}
	numbers, err := dir.Attempts(id)
	if err != nil {
		return nil, err
	}
	var task taskRecord
	found := r.read(filepath.Join(dir.Task(id), state.TaskFile), taskVersion, &task)
	if !found && len(numbers) == 0 && len(r.Problems) == 0 {
		return nil, fmt.Errorf("task %s: %w", id, fs.ErrNotExist)
	}
	r.Task, r.Begun, r.Profile, r.EnvNames = task.task(), task.Time, task.Profile, task.EnvNames
	for _, n := range numbers {
		r.Attempts = append(r.Attempts, r.attempt(n, dir.Attempt(id, n)))
	}
	var ended Ended
	if r.read(filepath.Join(dir.Task(id), state.EndedFile), EndedVersion, &ended) {
		r.end(ended)
	}
	return r, nil
}

// read reads a document and reports whether it is there; one that cannot be
// read is a problem.
func (r *Recorded) read(path string, newest int, v any) bool {
	err := state.ReadJSON(path, newest, v)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Problems = append(r.Problems, err)
	}
	return err == nil
}

func (t taskRecord) task() Task {
	return Task{
		Name: t.Name, Command: t.Command, Resources: t.Resources, CleanEnv: t.CleanEnv,
		Image: t.Image, Entrypoint: t.Entry, Pull: t.Pull, Platform: t.Platform,
		WorkDir: t.WorkDir, Scratch: t.Scratch,
		Timeout:  time.Duration(t.Timeout * float64(time.Second)),
		Retries:  Retries{Count: t.Retries, Backoff: time.Duration(t.Backoff * float64(time.Second))},
		OOMRetry: t.OOMRetry, ChildOOM: t.ChildOOM, DiskEnforce: t.DiskEnforce,
	}
}

func (r *Recorded) attempt(n int, dir string) RecordedAttempt {
	a := RecordedAttempt{Attempt: Attempt{Number: n, Dir: dir}}
	var demand demandRecord
	known := r.read(filepath.Join(dir, state.DemandFile), demandVersion, &demand)
	a.Demand, a.Limits, a.Enforcement, a.Accelerators = demand.Demand, demand.Limits, demand.Enforcement, demand.Accelerators
	if a.HasOutcome = r.read(filepath.Join(dir, state.OutcomeFile), sandbox.OutcomeVersion, &a.Outcome); a.HasOutcome {
		a.StartedAt, a.EndedAt = a.Outcome.StartedAt, a.Outcome.EndedAt
		if len(a.Outcome.Limits) > 0 {
			a.Enforcement = enforcement(a.Outcome.Limits, a.Demand, a.Accelerators)
		}
	}
	a.GPU = deviceUse(dir)
	var verdict verdictRecord
	a.HasVerdict = r.read(filepath.Join(dir, state.VerdictFile), verdictVersion, &verdict)
	verdict.restoreTimes()
	a.Verdict = verdict.Verdict
	if !a.HasVerdict && a.HasOutcome && known { // it has just ended, or nobody waited for it
		a.Verdict, a.HasVerdict = judgeIn(dir, a.Outcome, demand.Judge), true
	}
	return a
}

// end makes the task's Result of its last document.
func (r *Recorded) end(e Ended) {
	r.Result = &Result{
		ID: r.ID, Task: r.Task, Limits: e.Limits, Warnings: e.Warnings, EndedAt: e.Time, Cause: restoreCause(e),
		Verdict: Verdict{Class: e.Class, Code: e.Code, Kind: e.Kind, Message: e.Message, Hints: e.Hints},
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		for _, told := range e.Attempts {
			if told.Number == a.Number {
				a.told(told)
			}
		}
		r.Result.Attempts = append(r.Result.Attempts, a.Attempt)
	}
	if last := r.Result.last(); last != nil && last.Verdict.Class == e.Class {
		r.Result.Verdict = last.Verdict
	}
}

// told takes over what only the task's last document says.
func (a *RecordedAttempt) told(e EndedAttempt) {
	if !a.HasVerdict { // its own document could not be written
		a.Verdict = Verdict{Class: e.Class, Code: e.Code, Kind: e.Kind, Message: e.Message, OOM: e.OOM}
		a.HasVerdict = true
	}
	a.Verdict.Hints = e.Hints // they may say why it was not tried again
}
