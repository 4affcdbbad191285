// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// The functions here say the engine's snapshots in Flyte's words. Messages
// share what the snapshots point to, which never changes.

func runView(run *engine.Run, root *engine.Action) *workflow.Run {
	return &workflow.Run{Action: actionView(run, root), Labels: run.Spec.GetLabels().GetValues()}
}

func runDetails(run *engine.Run, root *engine.Action) *workflow.RunDetails {
	return &workflow.RunDetails{RunSpec: run.Spec, Action: actionDetails(run, root)}
}

func actionView(run *engine.Run, a *engine.Action) *workflow.Action {
	return &workflow.Action{Id: actionIdentifier(a.ID), Metadata: metadata(run, a), Status: status(a)}
}

func actionDetails(run *engine.Run, a *engine.Action) *workflow.ActionDetails {
	d := &workflow.ActionDetails{Id: actionIdentifier(a.ID), Metadata: metadata(run, a), Status: status(a), Attempts: attempts(a)}
	switch {
	case a.Task != nil:
		d.Spec = &workflow.ActionDetails_Task{Task: a.Task.GetSpec()}
	case a.Trace != nil:
		d.Spec = &workflow.ActionDetails_Trace{Trace: a.Trace.GetSpec()}
	case a.Condition != nil:
		d.Spec = &workflow.ActionDetails_Condition{Condition: a.Condition}
	}
	switch {
	case a.Phase == common.ActionPhase_ACTION_PHASE_ABORTED:
		d.Result = &workflow.ActionDetails_AbortInfo{AbortInfo: &workflow.AbortInfo{Reason: a.AbortReason}}
	case a.Done() && a.Error != nil:
		d.Result = &workflow.ActionDetails_ErrorInfo{ErrorInfo: errorInfo(a.Error)}
	case a.Condition != nil && a.Value != nil:
		d.Result = &workflow.ActionDetails_SignalInfo{SignalInfo: &workflow.SignalInfo{Output: a.Value}}
	}
	return d
}

func metadata(run *engine.Run, a *engine.Action) *workflow.ActionMetadata {
	m := &workflow.ActionMetadata{Parent: a.Parent, Group: a.Group}
	if a.ID.Name == engine.RootAction {
		m.Source, m.Relation = run.Source, run.Spec.GetRelation()
	}
	switch {
	case a.Task != nil:
		spec := a.Task.GetSpec()
		m.ActionType = workflow.ActionType_ACTION_TYPE_TASK
		m.Spec = &workflow.ActionMetadata_Task{Task: &workflow.TaskActionMetadata{
			Id: a.Task.GetId(), TaskType: spec.GetTaskTemplate().GetType(), ShortName: spec.GetShortName()}}
		m.EnvironmentName, m.FuntionName = spec.GetEnvironment().GetName(), spec.GetShortName()
		if env, _, ok := strings.Cut(a.Task.GetId().GetName(), "."); ok && m.EnvironmentName == "" {
			m.EnvironmentName = env
		}
	case a.Trace != nil:
		m.ActionType = workflow.ActionType_ACTION_TYPE_TRACE
		m.Spec = &workflow.ActionMetadata_Trace{Trace: &workflow.TraceActionMetadata{Name: a.Trace.GetName()}}
		m.FuntionName = a.Trace.GetName()
	case a.Condition != nil:
		m.ActionType = workflow.ActionType_ACTION_TYPE_CONDITION
		m.Spec = &workflow.ActionMetadata_Condition{Condition: &workflow.ConditionActionMetadata{
			Name: a.Condition.GetName(), Type: a.Condition.GetType()}}
	}
	return m
}

func status(a *engine.Action) *workflow.ActionStatus {
	s := &workflow.ActionStatus{Phase: a.Phase, CacheStatus: a.CacheStatus, Attempts: attemptCount(a)}
	begin, end := span(a)
	s.StartTime, s.EndTime = stamp(begin), stamp(end)
	if !end.IsZero() {
		ms := uint64(max(0, end.Sub(begin).Milliseconds()))
		s.DurationMs = &ms
	}
	return s
}

// span is from when to when an action lasted; a trace tells us so after it.
func span(a *engine.Action) (begin, end time.Time) {
	begin, end = a.Created, a.Ended
	if t := a.Trace; t != nil {
		if t.GetStartTime().IsValid() {
			begin = t.GetStartTime().AsTime()
		}
		if t.GetEndTime().IsValid() {
			end = t.GetEndTime().AsTime()
		}
	}
	return begin, end
}

// errorInfo is an error for people and for run.raise_for_status(). Clients
// before 2.12.1 do not know the code, so that the message names it, too.
func errorInfo(e *core.ExecutionError) *workflow.ErrorInfo {
	info := &workflow.ErrorInfo{Message: e.GetMessage(), Code: e.GetCode()}
	switch e.GetKind() {
	case core.ExecutionError_USER:
		info.Kind = workflow.ErrorInfo_KIND_USER
	case core.ExecutionError_SYSTEM:
		info.Kind = workflow.ErrorInfo_KIND_SYSTEM
	}
	if info.Code != "" && !strings.Contains(info.Message, info.Code) {
		info.Message = strings.TrimSuffix(info.Code+": "+info.Message, ": ")
	}
	return info
}

// update is a child's state as its parent hears of it: phase, error and
// output together, because the parent takes an error only with a new phase.
func update(a *engine.Action) *workflow.ActionUpdate {
	u := &workflow.ActionUpdate{ActionId: actionIdentifier(a.ID), Phase: a.Phase, OutputUri: a.OutputURI, Value: a.Value}
	if a.Done() {
		u.Error = a.Error
	}
	return u
}

// stamp is a time, or nil for none.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// changed is when an action changed last.
func changed(a *engine.Action) time.Time {
	at := a.Created
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	later(a.Ended)
	if last := a.Last(); last != nil {
		later(last.Ended)
		for _, t := range last.Transitions {
			later(t.At)
		}
	}
	return at
}
