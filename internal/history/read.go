// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"drydock/executor"
	"drydock/internal/state"
)

// Names in an attempt's directory that the sandbox gives (package state).
const (
	logFile     = "log"
	samplesFile = "samples"
)

// FlyteVariable is set for every action of a Flyte run: the protocol
// prescribes it.
const FlyteVariable = "FLYTE_INTERNAL_EXECUTION_ID"

// Read reads one task from its directory. An id that no task has gives an
// error that wraps fs.ErrNotExist.
func (x *Index) Read(id string) (Task, error) {
	rec, err := executor.ReadRecorded(x.state.Root(), id)
	if err != nil {
		return Task{}, err
	}
	if rec.Result != nil {
		return x.task(rec, Ended), nil
	}
	last := lastAttempt(rec)
	if last != nil && !last.HasOutcome && x.alive(last.Dir) {
		return x.task(rec, Running), nil
	}
	held, err := x.state.Held(id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Task{}, err
	}
	// Who has it, or had, may have written its end since it was read.
	if rec, err = executor.ReadRecorded(x.state.Root(), id); err != nil {
		return Task{}, err
	}
	last = lastAttempt(rec)
	switch judged := last != nil && last.HasVerdict; {
	case rec.Result != nil, judged && (!held || over(rec)):
		return x.task(rec, Ended), nil
	case held:
		return x.task(rec, Queued), nil
	}
	return x.task(rec, Lost), nil
}

// over reports whether no attempt follows the last one: its end is known, and
// only has to be written down. Which ends are tried again, package executor
// decides (retry.go); where it may, the answer is no.
func over(rec *executor.Recorded) bool {
	last := lastAttempt(rec)
	if last == nil || !last.HasVerdict {
		return false
	}
	switch last.Verdict.Class {
	case executor.Succeeded, executor.Aborted, executor.StartFailed, executor.Unknown, executor.Refused, executor.Error:
		return true
	case executor.Interrupted, executor.MachineMemory: // the executor's own policy, which is not recorded
		return false
	}
	return rec.Task.Retries.Count == 0 && rec.Task.OOMRetry == nil
}

func lastAttempt(rec *executor.Recorded) *executor.RecordedAttempt {
	if len(rec.Attempts) == 0 {
		return nil
	}
	return &rec.Attempts[len(rec.Attempts)-1]
}

// task makes an entry of what was read.
func (x *Index) task(rec *executor.Recorded, status Status) Task {
	t := Task{
		ID: rec.ID, Name: rec.Task.Name, Command: rec.Task.Command, Image: rec.Task.Image,
		Asked: rec.Task.Resources, Begun: rec.Begun, Status: status, Dir: x.state.Task(rec.ID),
		Flyte: slices.Contains(rec.EnvNames, FlyteVariable),
	}
	if t.Begun.IsZero() { // its task.json is damaged; the id holds a time, too
		t.Begun = state.IDTime(rec.ID)
	}
	for i := range rec.Attempts {
		t.Attempts = append(t.Attempts, attempt(&rec.Attempts[i]))
	}
	for _, p := range rec.Problems {
		t.Problems = append(t.Problems, p.Error())
	}
	switch {
	case rec.Result != nil:
		v, code := rec.Result.Verdict, executor.ExitCode(rec.Result)
		t.Class, t.Code, t.Message, t.ExitCode, t.EndedAt = v.Class, v.Code, v.Message, &code, rec.Result.EndedAt
	case status == Ended:
		last := t.Last()
		t.Class, t.Code, t.Message, t.EndedAt = last.Class, last.Code, last.Message, last.EndedAt
	case status == Running:
		last := t.Last()
		if last.Now = LastUsage(last.Samples); last.Now != nil && last.StartedAt.IsZero() {
			last.StartedAt = last.Now.First
		}
	case status == Queued:
		t.Waiting = x.waiting(rec)
	}
	return t
}

// waiting says what a queued task waits for.
func (x *Index) waiting(rec *executor.Recorded) string {
	if why := executor.ReadWaiting(x.state.Root(), rec.ID); why != "" {
		return why
	}
	if last := lastAttempt(rec); last != nil && last.HasVerdict {
		return "its next attempt"
	}
	return ""
}

func attempt(rec *executor.RecordedAttempt) Attempt {
	o := &rec.Outcome
	a := Attempt{
		Number: rec.Number, StartedAt: rec.StartedAt, EndedAt: rec.EndedAt, Sandbox: o.Sandbox,
		Class: rec.Verdict.Class, Code: rec.Verdict.Code, Message: rec.Verdict.Message,
		Resources: rec.Demand, MemoryLimit: rec.Limits.Memory, MemoryPeak: o.Memory.Peak, CPUSeconds: o.CPUSeconds,
		Log: filepath.Join(rec.Dir, logFile), Samples: filepath.Join(rec.Dir, samplesFile),
	}
	if o.Memory.Limit > 0 {
		a.MemoryLimit = o.Memory.Limit
	}
	if o.Disk != nil {
		a.DiskPeak = o.Disk.Peak
	}
	if o.Exit != nil {
		code := o.Exit.Code
		a.ExitCode, a.Signal = &code, o.Exit.Signal
	}
	return a
}

// Age is how long ago the task was handed in.
func (t *Task) Age(now time.Time) time.Duration { return max(0, now.Sub(t.Begun)) }
