// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// entry is a run or action in a list.
type entry struct {
	run *engine.Run
	a   *engine.Action
}

// ListRuns lists runs in the order in which they were made.
func (s runService) ListRuns(_ context.Context, req *connect.Request[workflow.ListRunsRequest]) (*connect.Response[workflow.ListRunsResponse], error) {
	m := req.Msg
	match, err := compile(m.GetRequest().GetFilters(), s.runFields(), labelField)
	if err != nil {
		return nil, err
	}
	by, oldest, err := sortOf(m.GetRequest())
	if err != nil {
		return nil, err
	}
	if by != createdAt {
		return nil, invalid("drydock sorts runs by %s only, not by %q", createdAt, by)
	}
	f := engine.RunFilter{Oldest: oldest, Limit: limit(m.GetRequest().GetLimit()), Token: m.GetRequest().GetToken()}
	f.Match = func(run *engine.Run, root *engine.Action) bool { return match(entry{run, root}) }
	if err := scope(m, &f); err != nil {
		return nil, err
	}
	if m.GetPausedActionsOnly() {
		f.Match = s.paused(f.Match)
	}
	runs, roots, next, err := s.Engine.Runs(f)
	if err != nil {
		return nil, err
	}
	out := &workflow.ListRunsResponse{Token: next}
	for i, run := range runs {
		out.Runs = append(out.Runs, runView(run, roots[i]))
	}
	return connect.NewResponse(out), nil
}

// scope narrows a filter to what the request is about.
func scope(m *workflow.ListRunsRequest, f *engine.RunFilter) error {
	byTask := func(project, domain, name, version string) error {
		match := f.Match
		f.Project, f.Domain = project, domain
		f.Match = func(run *engine.Run, root *engine.Action) bool {
			id := root.Task.GetId()
			return id.GetName() == name && (version == "" || id.GetVersion() == version) && match(run, root)
		}
		return first(checkPart(project, domain), checkText("task name", name))
	}
	switch by := m.GetScopeBy().(type) {
	case *workflow.ListRunsRequest_ProjectId:
		f.Project, f.Domain = by.ProjectId.GetName(), by.ProjectId.GetDomain()
		return checkPart(f.Project, f.Domain)
	case *workflow.ListRunsRequest_TaskName:
		return byTask(by.TaskName.GetProject(), by.TaskName.GetDomain(), by.TaskName.GetName(), "")
	case *workflow.ListRunsRequest_TaskId:
		id := by.TaskId
		return byTask(id.GetProject(), id.GetDomain(), id.GetName(), id.GetVersion())
	case *workflow.ListRunsRequest_TriggerName:
		f.Match = func(*engine.Run, *engine.Action) bool { return false } // no trigger ever made one
	}
	return nil
}

// paused lets runs through that wait for a signal.
func (s *server) paused(match func(*engine.Run, *engine.Action) bool) func(*engine.Run, *engine.Action) bool {
	return func(run *engine.Run, root *engine.Action) bool {
		if root.Done() || !match(run, root) {
			return false
		}
		all, err := s.Engine.Actions(run.ID)
		return err == nil && slices.ContainsFunc(all, func(a *engine.Action) bool { return a.Phase == common.ActionPhase_ACTION_PHASE_PAUSED })
	}
}

// ListActions lists a run's actions.
func (s runService) ListActions(_ context.Context, req *connect.Request[workflow.ListActionsRequest]) (*connect.Response[workflow.ListActionsResponse], error) {
	match, err := compile(req.Msg.GetRequest().GetFilters(), actionFields)
	if err != nil {
		return nil, err
	}
	id, err := runID(req.Msg.GetRunId())
	if err != nil {
		return nil, err
	}
	run, err := s.Engine.Run(id)
	if err != nil {
		return nil, err
	}
	all, err := s.Engine.Actions(id)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, a := range all {
		entries = append(entries, entry{run, a})
	}
	page, next, err := paginate(keep(entries, match), req.Msg.GetRequest(), actionOrders)
	if err != nil {
		return nil, err
	}
	out := &workflow.ListActionsResponse{Token: next}
	for _, e := range page {
		out.Actions = append(out.Actions, actionView(run, e.a))
	}
	return connect.NewResponse(out), nil
}

var actionFields = fields[entry]{
	"phase":        {kind: number, text: func(e entry) string { return fmt.Sprint(int32(e.a.Phase)) }},
	"action_type":  {kind: number, text: func(e entry) string { return fmt.Sprint(int32(metadata(e.run, e.a).GetActionType())) }},
	"parent_name":  {text: func(e entry) string { return e.a.Parent }},
	"group":        {text: func(e entry) string { return e.a.Group }},
	"name":         {text: func(e entry) string { return e.a.ID.Name }},
	"task_name":    {text: func(e entry) string { return e.a.Task.GetId().GetName() }},
	"task_version": {text: func(e entry) string { return e.a.Task.GetId().GetVersion() }},
	"created_at":   {kind: moment, time: func(e entry) time.Time { return e.a.Created }},
	"updated_at":   {kind: moment, time: func(e entry) time.Time { return changed(e.a) }},
}

// runFields are those of the root action, whose name every run shares, but
// for the run's own.
func (s *server) runFields() fields[entry] {
	return fields[entry]{
		"phase": actionFields["phase"], "task_name": actionFields["task_name"], "task_version": actionFields["task_version"],
		"created_at": actionFields["created_at"], "updated_at": actionFields["updated_at"],
		"name":       {text: func(e entry) string { return e.run.ID.Name }},
		"created_by": {text: func(entry) string { return s.User }},
	}
}

// labelField is the field of a run's label: labels.KEY.
func labelField(name string) (field[entry], bool) {
	key, ok := strings.CutPrefix(name, "labels.")
	labels := func(e entry) map[string]string { return e.run.Spec.GetLabels().GetValues() }
	return field[entry]{
		text: func(e entry) string { return labels(e)[key] },
		has:  func(e entry) bool { _, has := labels(e)[key]; return has },
	}, ok
}

var actionOrders = orders[entry]{
	createdAt:    func(e entry) string { return timeKey(e.a.Created) + rootFirst(e.a) },
	"updated_at": func(e entry) string { return timeKey(changed(e.a)) + rootFirst(e.a) },
	"name":       func(e entry) string { return e.a.ID.Name },
}

// rootFirst is an action's name, the root's before all others.
func rootFirst(a *engine.Action) string {
	if a.ID.Name == engine.RootAction {
		return ""
	}
	return a.ID.Name
}
