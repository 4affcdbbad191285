// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/sandbox"
)

// attempts are a task's attempts. One that is over without any, because its
// outputs were in the cache or because it was aborted first, shows one all
// the same.
func attempts(a *engine.Action) []*workflow.ActionAttempt {
	if a.Task != nil && len(a.Attempts) == 0 && a.Done() {
		return []*workflow.ActionAttempt{standIn(a)}
	}
	out := make([]*workflow.ActionAttempt, len(a.Attempts))
	for i := range a.Attempts {
		out[i] = attemptView(a, &a.Attempts[i])
	}
	return out
}

// attemptCount is status.attempts. What is over has at least one, traces and
// conditions, too: clients ask for the log of attempt status.attempts, and
// take 0 for a mistake of their user's.
func attemptCount(a *engine.Action) uint32 {
	if a.Done() {
		return uint32(max(1, len(a.Attempts)))
	}
	return uint32(len(a.Attempts))
}

func standIn(a *engine.Action) *workflow.ActionAttempt {
	return &workflow.ActionAttempt{
		Phase: a.Phase, Attempt: 1, StartTime: stamp(a.Created), EndTime: stamp(a.Ended), CacheStatus: a.CacheStatus,
		Outputs: outputs(a.OutputURI, false),
		PhaseTransitions: transitions([]engine.Transition{
			{Phase: common.ActionPhase_ACTION_PHASE_QUEUED, At: a.Created}, {Phase: a.Phase, At: a.Ended}}),
	}
}

func attemptView(a *engine.Action, at *engine.Attempt) *workflow.ActionAttempt {
	v := &workflow.ActionAttempt{
		Phase: at.Phase, Attempt: uint32(at.Number), StartTime: stamp(at.Created), EndTime: stamp(endOf(at)),
		LogsAvailable:    !at.Started.IsZero() || at.Phase == common.ActionPhase_ACTION_PHASE_RUNNING,
		Outputs:          outputs(at.OutputURI, at.HasReport),
		CacheStatus:      a.CacheStatus,
		ClusterEvents:    events(at),
		PhaseTransitions: transitions(at.Transitions),
	}
	if at.Error != nil {
		v.ErrorInfo = errorInfo(at.Error)
	}
	return v
}

// endOf is when an attempt came to its end, though its sandbox may still be
// stopping; zero while it goes on.
func endOf(at *engine.Attempt) time.Time {
	if at.Ended.IsZero() && engine.Terminal(at.Phase) {
		return entered(at, at.Phase)
	}
	return at.Ended
}

const reportFile = "report.html"

func outputs(uri string, report bool) *task.OutputReferences {
	if uri == "" {
		return nil
	}
	o := &task.OutputReferences{OutputUri: uri}
	if report {
		o.ReportUri = uri + "/" + reportFile
	}
	return o
}

// transitions gives phases their ends. A final one ends at once: clients
// would let it grow until today.
func transitions(all []engine.Transition) (out []*workflow.PhaseTransition) {
	for i, t := range all {
		p := &workflow.PhaseTransition{Phase: t.Phase, StartTime: stamp(t.At)}
		switch {
		case i+1 < len(all):
			p.EndTime = stamp(all[i+1].At)
		case engine.Terminal(t.Phase):
			p.EndTime = p.StartTime
		}
		out = append(out, p)
	}
	return out
}

// Reasons of events, in the manner of Kubernetes.
const (
	reasonWaiting = "WaitingForResources"
	reasonPulling = "Pulling"
	reasonNote    = "Note"
	reasonLimit   = "LimitNotEnforced"
)

// events is what a user should know of an attempt: what it waits for, what of
// the task was not used, and which limits this machine does not hold, or not
// exactly.
func events(at *engine.Attempt) (out []*workflow.ClusterEvent) {
	add := func(when time.Time, kind workflow.ClusterEvent_Type, reason, message string) {
		out = append(out, &workflow.ClusterEvent{OccurredAt: stamp(when), Type: kind, Reason: reason, Message: message,
			SourceComponent: "drydock", Count: 1})
	}
	switch {
	case at.Waiting == "":
	case at.Phase == common.ActionPhase_ACTION_PHASE_INITIALIZING: // how far it is would be an event each time
		add(entered(at, at.Phase), workflow.ClusterEvent_TYPE_NORMAL, reasonPulling, "pulling the image "+at.Image)
	default:
		add(entered(at, common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES), workflow.ClusterEvent_TYPE_NORMAL, reasonWaiting, "waiting for "+at.Waiting)
	}
	known := entered(at, common.ActionPhase_ACTION_PHASE_INITIALIZING)
	for _, note := range at.Notes {
		add(known, workflow.ClusterEvent_TYPE_NORMAL, reasonNote, note)
	}
	for _, l := range at.Limits {
		if l.State == sandbox.Enforced {
			continue
		}
		kind := workflow.ClusterEvent_TYPE_WARNING
		if l.State == sandbox.Emulated {
			kind = workflow.ClusterEvent_TYPE_NORMAL
		}
		message := fmt.Sprintf("%s is %s", l.Limit, l.State)
		if l.Why != "" {
			message += ": " + l.Why
		}
		add(known, kind, reasonLimit, message)
	}
	return out
}

// entered is when an attempt came into a phase, or into being.
func entered(at *engine.Attempt, p common.ActionPhase) time.Time {
	i := slices.IndexFunc(at.Transitions, func(t engine.Transition) bool { return t.Phase == p })
	if i < 0 {
		return at.Created
	}
	return at.Transitions[i].At
}

// attemptOf returns an attempt, or nil for one that is not there. 0 asks for
// the last.
func attemptOf(a *engine.Action, number uint32) *engine.Attempt {
	if number == 0 {
		return a.Last()
	}
	for i := range a.Attempts {
		if a.Attempts[i].Number == int(number) {
			return &a.Attempts[i]
		}
	}
	return nil
}
