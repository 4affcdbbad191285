// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

// Launcher runs attempts. Its methods are called from one goroutine per
// attempt and are safe for concurrent use.
type Launcher interface {
	// Launch runs one attempt to its end and returns when nothing of it is
	// left. When ctx ends it stops the attempt (SIGTERM, grace, SIGKILL);
	// what it returns then is only used for the record.
	Launch(ctx context.Context, o Order) End
	// Adopt does the same for an attempt that an earlier process launched,
	// whether it still runs or has ended. began is false when it never
	// started and never will; the attempt is then launched anew.
	Adopt(ctx context.Context, o Order) (end End, began bool)
}

// Order is an attempt to be launched. Everything in it is read only.
type Order struct {
	Run     *Run
	Action  *Action
	Attempt int    // from 1; names the output directory
	Retry   int    // retries of the user's so far, from 0: FLYTE_ATTEMPT_NUMBER
	TaskID  string // for executor.WithID

	OutputURI string        // this attempt's own directory: OutputBase/ACTION/ATTEMPT
	Timeout   time.Duration // of the program's run; 0: none
	Loan      *executor.Loan
	// Progress tells the engine how far the attempt is; it returns at once.
	Progress func(Progress)
}

// Progress is news of a running attempt. Zero fields say nothing new.
type Progress struct {
	Phase   common.ActionPhase // WAITING_FOR_RESOURCES, INITIALIZING, RUNNING
	Waiting string             // with WAITING_FOR_RESOURCES and INITIALIZING: for what
	Sandbox string             // what it runs in, and Image in which image
	Image   string
	Limits  []sandbox.Enforcement
	Notes   []string
	Memory  int64           // limit in bytes, from INITIALIZING on
	Sample  *sandbox.Sample // not recorded, only observed
	OOM     *executor.OOMReport
}

// Retryable says whether and on whose account an attempt may be repeated.
type Retryable int

// Retry accounts.
const (
	RetryNever  Retryable = iota // permanent
	RetryUser                    // counts against the task's own retries
	RetrySystem                  // counts against the platform's
)

// End is how an attempt ended.
type End struct {
	Phase     common.ActionPhase // SUCCEEDED, FAILED, TIMED_OUT, ABORTED
	Error     *core.ExecutionError
	Retry     Retryable
	HasReport bool
	Started   time.Time // of the program; zero: it never ran
	Notes     []string
	Limits    []sandbox.Enforcement
	Result    *executor.Result // nil when nothing was started; not recorded, only observed
}
