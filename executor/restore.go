// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/state"
	"drydock/sandbox"
)

// restoreEnded fills the result of a task whose end was recorded, and reports
// whether it was.
func (r *run) restoreEnded() (bool, error) {
	var ended Ended
	err := state.ReadJSON(filepath.Join(r.state.Task(r.id), state.EndedFile), EndedVersion, &ended)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := r.restoreTask(); err != nil && !errors.Is(err, ErrNeverStarted) {
		return false, err
	}
	for _, e := range ended.Attempts {
		a, err := r.restoreAttempt(e.Number)
		if err != nil {
			return false, err
		}
		a.Verdict.Hints = e.Hints // the last one's may say why it was not tried again
		r.result.Attempts = append(r.result.Attempts, a)
	}
	r.restored = true
	r.emitter.begin(ended.Attempt)
	r.result.Verdict = Verdict{Class: ended.Class, Code: ended.Code, Kind: ended.Kind, Message: ended.Message, Hints: ended.Hints}
	if last := r.result.last(); last != nil && last.Verdict.Class == ended.Class {
		r.result.Verdict = last.Verdict
	}
	r.result.Limits, r.result.Warnings, r.result.EndedAt = ended.Limits, ended.Warnings, ended.Time
	r.result.Cause = restoreCause(ended)
	return true, nil
}

// restoreCause gives back what is left of why a task ended.
func restoreCause(e Ended) error {
	switch e.Class {
	case Aborted:
		for _, signal := range []string{"SIGHUP", "SIGINT", "SIGQUIT"} {
			if cause := (SignalCause{signal}); abortCode(cause) == e.ExitCode {
				return cause
			}
		}
	case Unknown:
		return fmt.Errorf("%w: %s", sandbox.ErrNoOutcome, e.Message)
	case Refused:
		return &RefusedError{Reason: e.Message}
	case Error:
		if e.Code == CodeNeverStarted {
			return ErrNeverStarted
		}
		return errors.New(e.Message)
	}
	return nil
}

// restoreTask reads task.json back. Without one nothing was ever begun.
func (r *run) restoreTask() error {
	var t taskRecord
	err := state.ReadJSON(filepath.Join(r.state.Task(r.id), state.TaskFile), taskVersion, &t)
	if errors.Is(err, fs.ErrNotExist) {
		return r.neverStarted()
	}
	if err != nil && !errors.Is(err, state.ErrTorn) {
		return err
	}
	if r.task = t.task(); err != nil { // its attempts may have outlived it
		r.task.Image = r.imageOfAttempts()
	}
	r.result.Task = r.task
	return nil
}

// missing reports whether an error says that a document is not there, or not
// as a whole.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, state.ErrTorn) }

// imageOfAttempts is the image that the task's attempts ran in, which says
// whose sandbox they are; "": none, or nobody knows.
func (r *run) imageOfAttempts() string {
	numbers, err := r.state.Attempts(r.id)
	if err != nil {
		return ""
	}
	for _, n := range numbers {
		var spec sandbox.Spec
		data, err := os.ReadFile(filepath.Join(r.state.Attempt(r.id, n), state.SpecFile))
		if err == nil && json.Unmarshal(data, &spec) == nil {
			return spec.Image
		}
	}
	return ""
}

// restoreAttempt reads an ended attempt back from its documents.
func (r *run) restoreAttempt(n int) (Attempt, error) {
	a := Attempt{Number: n, Dir: r.state.Attempt(r.id, n)}
	var demand demandRecord
	if err := state.ReadJSON(filepath.Join(a.Dir, state.DemandFile), demandVersion, &demand); err != nil && !errors.Is(err, state.ErrTorn) {
		return a, err
	}
	a.Demand, a.Accelerators = demand.Demand, demand.Accelerators
	err := state.ReadJSON(filepath.Join(a.Dir, state.OutcomeFile), sandbox.OutcomeVersion, &a.Outcome)
	if err != nil && !missing(err) {
		return a, err
	}
	a.StartedAt, a.EndedAt, a.GPU = a.Outcome.StartedAt, a.Outcome.EndedAt, deviceUse(a.Dir)
	a.Verdict, err = JudgeDir(a.Dir)
	if errors.Is(err, sandbox.ErrNoOutcome) {
		a.Verdict, err = judgeIn(a.Dir, a.Outcome, demand.Judge), nil
	}
	return a, err
}

// written returns the verdict that was recorded for the attempt in dir
// already: what was judged once is not judged again.
func written(dir string) (Verdict, bool) {
	var v verdictRecord
	if state.ReadJSON(filepath.Join(dir, state.VerdictFile), verdictVersion, &v) != nil {
		return Verdict{}, false
	}
	v.restoreTimes()
	return v.Verdict, true
}

// restoreTimes completes what the document says in another unit.
func (v *Verdict) restoreTimes() {
	if v.OOM != nil {
		v.OOM.After = time.Duration(math.Round(v.OOM.Seconds * float64(time.Second)))
	}
}
