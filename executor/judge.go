// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"drydock/internal/state"
	"drydock/sandbox"
)

// JudgeDir returns the verdict of the attempt kept in dir. Where none was
// written yet, because nobody waited for the attempt's end, it judges the
// outcome and writes it; what was written is never judged again. Without an
// outcome the error wraps sandbox.ErrNoOutcome: the attempt still runs, or
// its supervisor was killed. Two callers at a time come to the same verdict.
func JudgeDir(dir string) (Verdict, error) {
	var written verdictRecord
	err := state.ReadJSON(filepath.Join(dir, state.VerdictFile), verdictVersion, &written)
	if err == nil {
		written.restoreTimes()
		return written.Verdict, nil
	}
	if !missing(err) {
		return Verdict{}, err
	}
	var demand demandRecord
	if err := state.ReadJSON(filepath.Join(dir, state.DemandFile), demandVersion, &demand); err != nil && !errors.Is(err, state.ErrTorn) {
		return Verdict{}, fmt.Errorf("judge %s: %w", dir, err)
	}
	var outcome sandbox.Outcome
	err = state.ReadJSON(filepath.Join(dir, state.OutcomeFile), sandbox.OutcomeVersion, &outcome)
	if missing(err) {
		return Verdict{}, fmt.Errorf("judge %s: %w", dir, sandbox.ErrNoOutcome)
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("judge %s: %w", dir, err)
	}
	v := judgeIn(dir, outcome, demand.Judge)
	return v, writeVerdict(dir, v)
}

// EndTask writes down the end of a task that nobody looks after any more, from
// what its attempts left; the result is what Adopt would have returned. It
// needs no sandbox: without an outcome of the last attempt that began the
// error wraps sandbox.ErrNoOutcome, and Adopt finds out more. While somebody
// has the task the error wraps ErrInUse; of a task that was never recorded it
// wraps ErrNeverStarted.
func EndTask(stateDir, id string) (*Result, error) {
	dir, err := state.Open(stateDir)
	if err != nil {
		return nil, err
	}
	if held, err := dir.Held(id); err != nil {
		return nil, err
	} else if held {
		return nil, fmt.Errorf("task %s: %w", id, ErrInUse)
	}
	r := &run{state: dir, id: id, emitter: &emitter{id: id}, result: &Result{ID: id}, unlock: func() {}}
	if err := r.lock(); err != nil {
		return nil, err
	}
	defer func() { r.unlock() }()
	if ended, err := r.restoreEnded(); ended || err != nil {
		return r.result, err
	}
	if err := r.restoreTask(); err != nil {
		return nil, err
	}
	numbers, err := dir.Attempts(id)
	if err == nil {
		err = r.restoreLast(numbers, r.judged)
	}
	switch {
	case errors.Is(err, ErrNeverStarted):
		r.giveUp(err)
	case err != nil:
		return nil, err
	}
	r.recorded = true
	r.finish()
	return r.result, nil
}

// judged is attempt n as its documents have it. Whether one without an outcome
// ever began, they do not say.
func (r *run) judged(n int) (Attempt, error) {
	dir := r.state.Attempt(r.id, n)
	if _, err := os.Lstat(filepath.Join(dir, state.DemandFile)); errors.Is(err, fs.ErrNotExist) {
		return Attempt{}, sandbox.ErrNotBegun
	}
	var o sandbox.Outcome
	if missing(state.ReadJSON(filepath.Join(dir, state.OutcomeFile), sandbox.OutcomeVersion, &o)) {
		return Attempt{}, sandbox.ErrNoOutcome
	}
	return r.restoreAttempt(n)
}
