// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"drydock/gpu"
	"drydock/resources"
	"drydock/sandbox"
)

// Failure is what every error of a task's end has in common. Its text is one
// sentence; Verdict.Hints say what to do about it.
type Failure struct {
	ID      string // the task's
	Attempt int    // the last one; 0: none was started
	Verdict Verdict
	Exit    *sandbox.Exit // of the main process; nil: not known
}

// Error returns the verdict's sentence.
func (f Failure) Error() string { return f.Verdict.Message }

// OOMError says that the task exceeded its own memory limit. More memory, or
// a smaller task, cures it: Suggest is what to try next ("": nothing larger
// fits here). Report.Evidence tells whose word it is: with
// sandbox.EvidenceSample it is probable and no more. Sizes are bytes.
type OOMError struct {
	Failure
	Limit   int64
	Peak    int64
	Main    bool            // the main process was the kernel's victim
	Victim  *sandbox.Victim // nil: not known
	Suggest resources.Quantity
	Report  OOMReport
}

// TimeoutError says that the task did not end within its Timeout.
type TimeoutError struct {
	Failure
	Timeout time.Duration
}

// AbortedError says that the task was stopped on request. It unwraps to the
// context's cause.
type AbortedError struct {
	Failure
	Cause error
}

// Unwrap returns the cause, so that errors.Is(err, context.Canceled) holds.
func (e *AbortedError) Unwrap() error { return e.Cause }

// EvictedError says that the task used more disk than it asked for.
type EvictedError struct{ Failure }

// SharedMemoryError says that /dev/shm was full. Sizes are bytes.
type SharedMemoryError struct {
	Failure
	Size, Peak int64
}

// StartError says that the program never ran: not found, not executable, a
// memory limit too low for anything, an image that is not to be had (with the
// registry's words), or a set-up that failed.
type StartError struct {
	Failure
	Reason sandbox.StartReason
}

// MachineMemoryError says that the machine, and not the task's limit, ran out
// of memory: a larger limit does not help.
type MachineMemoryError struct {
	Failure
	Host bool // the whole machine, not only what drydock may use of it
}

// InterruptedError says that somebody else killed the task.
type InterruptedError struct{ Failure }

// TaskFailedError is a program's own failure.
type TaskFailedError struct {
	Failure
	Tail string // the last of its output
}

// UnknownEndError says that the facts about the end are lost. The task may
// have done its work or not.
type UnknownEndError struct {
	Failure
	Err error
}

// Unwrap returns why the facts are lost, sandbox.ErrNoOutcome among others.
func (e *UnknownEndError) Unwrap() error { return e.Err }

// RefusedError says that nothing was started: the task is not valid, or can
// never run on this machine.
type RefusedError struct {
	Failure
	Reason string
	Remedy string // what to do; may be empty
	Err    error  // what lies beneath, such as *resources.FieldError; may be nil

	told bool   // Reason says the remedy already
	code string // of the verdict; "": CodeRefused
	kind Kind   // "": KindUser
}

// Unwrap returns the error beneath.
func (e *RefusedError) Unwrap() error { return e.Err }

// InternalError is a failure of drydock's own: no disk to write to, no
// supervisor to start.
type InternalError struct {
	Failure
	Err error
}

// Unwrap returns the failure itself.
func (e *InternalError) Unwrap() error { return e.Err }

// refuse makes the cause of a refusal.
func refuse(err error, remedy, format string, args ...any) *RefusedError {
	return &RefusedError{Reason: fmt.Sprintf(format, args...), Remedy: remedy, Err: err}
}

// Error returns the reason and the remedy in one sentence, also before a
// Result was made of it.
func (e *RefusedError) Error() string { return e.sentence() }

func (e *RefusedError) sentence() string {
	if e.Remedy == "" || e.told {
		return e.Reason
	}
	return e.Reason + "; " + e.Remedy
}

// verdict is what the refusal means for the task.
func (e *RefusedError) verdict() Verdict {
	return Verdict{Class: Refused, Code: cmp.Or(e.code, CodeRefused), Kind: cmp.Or(e.kind, KindUser), Message: e.sentence()}
}

// refusal returns err as a refusal, when it says that a task cannot be run as
// it is written or on this machine; nil for everything else.
func refusal(err error) *RefusedError {
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*sandbox.SpecError](err); ok {
		return &RefusedError{Reason: e.Field + ": " + e.Reason, Remedy: e.Remedy, Err: err}
	}
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		return &RefusedError{Reason: e.What, Remedy: e.Remedy, Err: err}
	}
	if e, ok := errors.AsType[*gpu.RefusalError](err); ok {
		return &RefusedError{Reason: notAvailable(e), Remedy: e.Remedy, Err: err, code: CodeAcceleratorNotAvailable}
	}
	if e, ok := errors.AsType[*sandbox.AcceleratorError](err); ok { // the machine's set-up, not the task
		return &RefusedError{Reason: e.Error(), Remedy: e.Remedy, Err: err, told: true, code: CodeAcceleratorNotAvailable, kind: KindSystem}
	}
	if e, ok := errors.AsType[*resources.FieldError](err); ok {
		return &RefusedError{Reason: err.Error(), Remedy: e.Hint, Err: err, told: true}
	}
	if e, ok := errors.AsType[*resources.SDKError](err); ok {
		return &RefusedError{Reason: err.Error(), Remedy: e.Hint, Err: err}
	}
	return nil
}

// verdictError turns a result into the error that Run returns; nil for a
// success. Every error is found by errors.As with its pointer type.
func verdictError(r *Result) error {
	f := Failure{ID: r.ID, Verdict: r.Verdict}
	var o sandbox.Outcome
	if last := r.last(); last != nil {
		f.Attempt, f.Exit, o = last.Number, last.Outcome.Exit, last.Outcome
	}
	switch r.Verdict.Class {
	case Succeeded:
		return nil
	case OOM:
		return oomError(f)
	case Timeout:
		return &TimeoutError{Failure: f, Timeout: r.Task.Timeout}
	case Aborted:
		return &AbortedError{Failure: f, Cause: r.Cause}
	case Evicted:
		return &EvictedError{Failure: f}
	case Shm:
		return shmError(f, o)
	case StartFailed:
		return startError(f, o)
	case MachineMemory:
		return &MachineMemoryError{Failure: f, Host: r.Verdict.Code == CodeHostOutOfMemory}
	case Interrupted:
		return &InterruptedError{Failure: f}
	case Failed:
		return &TaskFailedError{Failure: f, Tail: o.Tail}
	case Unknown:
		return &UnknownEndError{Failure: f, Err: r.Cause}
	case Refused:
		return refusedError(f, r.Cause)
	default:
		return &InternalError{Failure: f, Err: r.Cause}
	}
}

func oomError(f Failure) error {
	e := &OOMError{Failure: f}
	if report := f.Verdict.OOM; report != nil {
		e.Report = *report
		e.Limit, e.Peak, e.Main = report.Limit, report.Peak, report.Main
		e.Victim, e.Suggest = report.Victim, report.Suggest
	}
	return e
}

func shmError(f Failure, o sandbox.Outcome) error {
	e := &SharedMemoryError{Failure: f}
	if o.Shm != nil {
		e.Size, e.Peak = o.Shm.Size, o.Shm.Peak
	}
	return e
}

func startError(f Failure, o sandbox.Outcome) error {
	e := &StartError{Failure: f}
	if o.StartError != nil {
		e.Reason = o.StartError.Reason
	}
	return e
}

func refusedError(f Failure, cause error) error {
	if e, ok := cause.(*RefusedError); ok { // made by refuse, never wrapped
		return &RefusedError{Failure: f, Reason: e.Reason, Remedy: e.Remedy, Err: e.Err, told: e.told, code: e.code, kind: e.kind}
	}
	return &RefusedError{Failure: f, Reason: f.Verdict.Message, Err: cause}
}
