// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"

	"drydock/sandbox"
)

// Exit codes of drydock run that are not the task's own.
const (
	ExitTimeout       = 124 // as coreutils' timeout
	ExitFailure       = 125 // as docker run: drydock's own failure, or a refusal
	ExitNotExecutable = 126
	ExitNotFound      = 127
	ExitOOM           = 137 // every out-of-memory and eviction, as on a cluster
	ExitInterrupt     = 130 // stopped by SIGINT
	ExitTerminate     = 143 // stopped by SIGTERM
)

// SignalCause is the cause to cancel Run's context with when a signal asked
// for it: context.WithCancelCause, cancel(SignalCause{"SIGINT"}).
type SignalCause struct {
	Signal string // "SIGINT"
}

func (c SignalCause) Error() string {
	switch c.Signal {
	case "SIGINT":
		return "SIGINT (Ctrl-C)"
	default:
		return c.Signal
	}
}

// ExitCode returns what drydock run exits with after the result.
func ExitCode(r *Result) int {
	switch r.Verdict.Class {
	case Succeeded:
		return 0
	case OOM, Evicted, MachineMemory:
		return ExitOOM
	case Timeout:
		return ExitTimeout
	case Aborted:
		return abortCode(r.Cause)
	case StartFailed:
		return startCode(r)
	case Failed, Shm, Interrupted:
		return ownCode(r)
	default:
		return ExitFailure
	}
}

func abortCode(cause error) int {
	var signal SignalCause
	if !errors.As(cause, &signal) {
		return ExitTerminate // the task's end began with a SIGTERM, too
	}
	switch signal.Signal {
	case "SIGHUP":
		return 129
	case "SIGINT":
		return ExitInterrupt
	case "SIGQUIT":
		return 131
	default:
		return ExitTerminate
	}
}

func startCode(r *Result) int {
	last := r.last()
	if last == nil || last.Outcome.StartError == nil {
		return ExitFailure
	}
	switch last.Outcome.StartError.Reason {
	case sandbox.StartNotFound:
		return ExitNotFound
	case sandbox.StartNotExecutable:
		return ExitNotExecutable
	default:
		return ExitFailure
	}
}

func ownCode(r *Result) int {
	last := r.last()
	if last == nil || last.Outcome.Exit == nil || last.Outcome.Exit.Code == 0 {
		return ExitFailure
	}
	return last.Outcome.Exit.Code
}
