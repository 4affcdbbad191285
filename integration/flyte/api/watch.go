// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"maps"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// WatchActionDetails sends an action's state now and after every change, and
// ends with the one after which none will come.
func (s runService) WatchActionDetails(ctx context.Context, req *connect.Request[workflow.WatchActionDetailsRequest], out *connect.ServerStream[workflow.WatchActionDetailsResponse]) error {
	run, a, err := s.find(req.Msg.GetActionId())
	if err != nil {
		return err
	}
	return s.Engine.WatchAction(ctx, a.ID, func(a *engine.Action) error {
		return out.Send(&workflow.WatchActionDetailsResponse{Details: actionDetails(run, a)})
	})
}

// WatchRunDetails is WatchActionDetails of the root action.
func (s runService) WatchRunDetails(ctx context.Context, req *connect.Request[workflow.WatchRunDetailsRequest], out *connect.ServerStream[workflow.WatchRunDetailsResponse]) error {
	run, root, err := s.findRun(req.Msg.GetRunId())
	if err != nil {
		return err
	}
	return s.Engine.WatchAction(ctx, root.ID, func(root *engine.Action) error {
		return out.Send(&workflow.WatchRunDetailsResponse{Details: runDetails(run, root)})
	})
}

// WatchRuns sends the newest runs, and then every run whose root action
// changes, as long as the client stays.
func (s runService) WatchRuns(ctx context.Context, req *connect.Request[workflow.WatchRunsRequest], out *connect.ServerStream[workflow.WatchRunsResponse]) error {
	f, err := watched(req.Msg)
	if err != nil {
		return err
	}
	if err := out.Send(nil); err != nil { // headers: there may be nothing to say
		return err
	}
	return s.Engine.WatchRuns(ctx, func(run *engine.Run, root *engine.Action) error {
		if run == nil { // it listens: what is there can be told and nothing is lost between
			return s.sendRuns(f, out)
		}
		if f.Project != "" && f.Project != run.ID.Project || f.Domain != "" && f.Domain != run.ID.Domain || !f.Match(run, root) {
			return nil
		}
		return out.Send(&workflow.WatchRunsResponse{Runs: []*workflow.Run{runView(run, root)}})
	})
}

func watched(m *workflow.WatchRunsRequest) (engine.RunFilter, error) {
	f := engine.RunFilter{Limit: defaultLimit, Match: func(*engine.Run, *engine.Action) bool { return true }}
	list := &workflow.ListRunsRequest{}
	switch by := m.GetTarget().(type) {
	case *workflow.WatchRunsRequest_ProjectId:
		list.ScopeBy = &workflow.ListRunsRequest_ProjectId{ProjectId: by.ProjectId}
	case *workflow.WatchRunsRequest_TaskId:
		list.ScopeBy = &workflow.ListRunsRequest_TaskId{TaskId: by.TaskId}
	}
	return f, scope(list, &f)
}

func (s runService) sendRuns(f engine.RunFilter, out *connect.ServerStream[workflow.WatchRunsResponse]) error {
	runs, roots, _, err := s.Engine.Runs(f)
	if err != nil || len(runs) == 0 {
		return err
	}
	m := &workflow.WatchRunsResponse{}
	for i, run := range runs {
		m.Runs = append(m.Runs, runView(run, roots[i]))
	}
	return out.Send(m)
}

// WatchActions sends all actions of a run, and then those that change or
// whose children do, until the run is over.
func (s runService) WatchActions(ctx context.Context, req *connect.Request[workflow.WatchActionsRequest], out *connect.ServerStream[workflow.WatchActionsResponse]) error {
	match, err := compile(req.Msg.GetFilter(), actionFields)
	if err != nil {
		return err
	}
	id, err := runID(req.Msg.GetRunId())
	if err != nil {
		return err
	}
	run, err := s.Engine.Run(id)
	if err != nil {
		return err
	}
	tree := tree{run: run, match: match, actions: map[string]*engine.Action{}, counts: map[string]map[int32]int32{}}
	return s.Engine.WatchRun(ctx, id, func(changed []*engine.Action) error {
		return out.Send(&workflow.WatchActionsResponse{EnrichedActions: tree.update(changed)})
	})
}

// tree is what is known of a run's actions, to count children by their phase.
type tree struct {
	run     *engine.Run
	match   func(entry) bool
	actions map[string]*engine.Action
	counts  map[string]map[int32]int32 // parent and phase: children
}

// update takes in what changed, and returns it together with the parents
// whose counts did.
func (t *tree) update(changed []*engine.Action) (out []*workflow.EnrichedAction) {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, a := range changed {
		add(a.ID.Name)
		if t.count(a) {
			add(a.Parent)
		}
		t.actions[a.ID.Name] = a
	}
	for _, name := range names {
		a := t.actions[name]
		if a == nil {
			continue
		}
		out = append(out, &workflow.EnrichedAction{Action: actionView(t.run, a), MeetsFilter: t.match(entry{t.run, a}),
			ChildrenPhaseCounts: maps.Clone(t.counts[name])})
	}
	return out
}

// count moves a child from the phase it was in to the one it is in, and
// reports whether that changed anything.
func (t *tree) count(a *engine.Action) bool {
	if a.Parent == "" {
		return false
	}
	if t.counts[a.Parent] == nil {
		t.counts[a.Parent] = map[int32]int32{}
	}
	of := t.counts[a.Parent]
	if old := t.actions[a.ID.Name]; old != nil {
		if old.Phase == a.Phase {
			return false
		}
		if of[int32(old.Phase)]--; of[int32(old.Phase)] == 0 {
			delete(of, int32(old.Phase))
		}
	}
	of[int32(a.Phase)]++
	return true
}
