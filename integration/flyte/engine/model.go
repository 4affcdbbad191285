// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/sandbox"
)

// RootAction is the name of every run's first action.
const RootAction = "a0"

// RunID names a run. The organisation of Flyte's identifiers is ignored: the
// SDK derives it from the endpoint's host name.
type RunID struct {
	Project string `json:"project"`
	Domain  string `json:"domain"`
	Name    string `json:"name"`
}

// ActionID names an action; names repeat across runs.
type ActionID struct {
	Run  RunID  `json:"run"`
	Name string `json:"name"`
}

// Run is one call of a root task. It never changes.
type Run struct {
	ID         RunID
	Spec       *task.RunSpec // with run_start_time set; every child inherits it
	StartTime  time.Time     // the same for every attempt and child
	Created    time.Time
	OutputBase string // URI below which all of the run's outputs lie; no slash at the end
	InputsHash string // opaque; of the root task's inputs
	Source     workflow.RunSource
}

// Action is one call inside a run. An *Action is a snapshot: it and all that
// it points to never change; every change makes a new one with a higher
// Revision.
type Action struct {
	ID     ActionID
	Parent string // name of the action that made it; "" for the root
	Group  string

	// One of these is set.
	Task      *workflow.TaskAction
	Trace     *workflow.TraceAction
	Condition *workflow.ConditionAction

	InputURI string // directory of inputs.pb; "" when there is none
	Created  time.Time
	Revision uint64 // grows with every change in the run
	State
}

// State is the part of an action that changes, and what is written down at
// every step.
type State struct {
	Phase    common.ActionPhase
	Ended    time.Time // zero while it is not over
	Attempts []Attempt `json:"-"` // in order; only tasks have any
	// OutputURI is the current attempt's directory, or the one of a cached
	// result; for traces the file. Set from the first update on.
	OutputURI   string
	Error       *core.ExecutionError `json:"-"` // with FAILED and TIMED_OUT
	Value       *core.Literal        `json:"-"` // of a signalled condition
	AbortReason string               // with ABORTED
	CacheStatus core.CatalogCacheStatus
	CacheKey    string // "": not cached

	UserFailures   int       // attempts that count against the task's retries
	SystemFailures int       // in a row
	NotBefore      time.Time // backoff before the next attempt
}

// Attempt is one try at a task action, in one sandbox.
type Attempt struct {
	Number    int    // from 1
	TaskID    string // the executor's id of it: where log and verdict lie; "" when nothing was launched
	Phase     common.ActionPhase
	Created   time.Time
	Started   time.Time // of the program
	Ended     time.Time // zero while its sandbox may still be there
	OutputURI string
	Error     *core.ExecutionError `json:"-"`
	HasReport bool                 // a report.html lies in its directory
	// Transitions are the phases it went through, in order.
	Transitions []Transition
	Limits      []sandbox.Enforcement // how this machine held its limits
	Notes       []string              // what a user should know: image not used, disk not enforced, …
	Waiting     string                // what it waits for while WAITING_FOR_RESOURCES or INITIALIZING
	Sandbox     string                `json:",omitempty"` // what it runs in: "native", "docker"; "": not decided yet
	Image       string                `json:",omitempty"` // the image that it runs in; "": this machine's own root file system
}

// Transition is the beginning of a phase.
type Transition struct {
	Phase common.ActionPhase
	At    time.Time
}

// Terminal reports whether a phase is final.
func Terminal(p common.ActionPhase) bool {
	switch p {
	case common.ActionPhase_ACTION_PHASE_SUCCEEDED, common.ActionPhase_ACTION_PHASE_FAILED, common.ActionPhase_ACTION_PHASE_ABORTED,
		common.ActionPhase_ACTION_PHASE_TIMED_OUT, common.ActionPhase_ACTION_PHASE_RECOVERED:
		return true
	}
	return false
}

// Done reports whether the action is over.
func (a *Action) Done() bool { return Terminal(a.Phase) }

// Last returns the newest attempt, or nil.
func (a *Action) Last() *Attempt {
	if len(a.Attempts) == 0 {
		return nil
	}
	return &a.Attempts[len(a.Attempts)-1]
}
