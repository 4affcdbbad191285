// SPDX-License-Identifier: Apache-2.0

package console

import (
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/sandbox"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func taskAction(name, memory string) *workflow.TaskAction {
	return &workflow.TaskAction{Spec: &task.TaskSpec{ShortName: name, TaskTemplate: &core.TaskTemplate{
		Id: &core.Identifier{Name: "env." + name},
		Target: &core.TaskTemplate_Container{Container: &core.Container{Resources: &core.Resources{
			Requests: []*core.Resources_ResourceEntry{{Name: core.Resources_CPU, Value: "1"}, {Name: core.Resources_MEMORY, Value: memory}},
			Limits:   []*core.Resources_ResourceEntry{{Name: core.Resources_MEMORY, Value: "2Gi"}},
		}}},
	}}}
}

func transitions(phases ...common.ActionPhase) []engine.Transition {
	var all []engine.Transition
	for i, p := range phases {
		all = append(all, engine.Transition{Phase: p, At: at(float64(i) / 10)})
	}
	return all
}

const (
	queued    = common.ActionPhase_ACTION_PHASE_QUEUED
	waiting   = common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES
	running   = common.ActionPhase_ACTION_PHASE_RUNNING
	paused    = common.ActionPhase_ACTION_PHASE_PAUSED
	succeeded = common.ActionPhase_ACTION_PHASE_SUCCEEDED
	failed    = common.ActionPhase_ACTION_PHASE_FAILED
	aborted   = common.ActionPhase_ACTION_PHASE_ABORTED
)

func fixtures() *shelf {
	s := &shelf{actions: map[engine.RunID][]*engine.Action{}}
	s.add(engine.RunID{Project: "demo", Domain: "development", Name: "rdone"}, done)
	s.add(engine.RunID{Project: "demo", Domain: "development", Name: "rlive"}, live)
	s.add(engine.RunID{Project: "<b>", Domain: `d">`, Name: "<script>"}, hostile)
	return s
}

func (s *shelf) add(id engine.RunID, actions func(engine.RunID) []*engine.Action) {
	s.runs = append(s.runs, &engine.Run{ID: id, Created: noon})
	s.actions[id] = actions(id)
}

// done is the seed's program: a child runs out of memory, and another one,
// with more, does not.
func done(run engine.RunID) []*engine.Action {
	oom := &core.ExecutionError{Code: "OOMKilled", Kind: core.ExecutionError_USER,
		Message: "out of memory: python (pid 7) was killed at the memory limit of 400 MiB\ntry train_model.override(resources=flyte.Resources(memory=\"800Mi\"))"}
	return []*engine.Action{
		{ID: engine.ActionID{Run: run, Name: "a0"}, Task: taskAction("main", "1Gi"), Created: noon, InputURI: "s3://drydock/in/x",
			State: engine.State{Phase: succeeded, Ended: at(9.1), OutputURI: "s3://drydock/demo/development/rdone/a0/1", Attempts: []engine.Attempt{{
				Number: 1, TaskID: "T-MAIN", Phase: succeeded, Started: at(0.2), Ended: at(9.1), HasReport: true,
				OutputURI: "s3://drydock/demo/development/rdone/a0/1", Transitions: transitions(queued, running, succeeded),
				Limits: []sandbox.Enforcement{{Limit: "memory", State: sandbox.Enforced}, {Limit: "disk", State: sandbox.NotEnforced, Why: "not built yet"}},
				Notes:  []string{"the image ghcr.io/x/y:1 is not used: --native"},
			}}}},
		{ID: engine.ActionID{Run: run, Name: "c1"}, Parent: "a0", Task: taskAction("train_model", "400Mi"), Created: at(1), Group: "g1",
			State: engine.State{Phase: failed, Ended: at(3), Error: oom, Attempts: []engine.Attempt{
				{Number: 1, TaskID: "T-OOM", Phase: failed, Started: at(1.2), Ended: at(3), Error: oom, Transitions: transitions(queued, running, failed)}}}},
		{ID: engine.ActionID{Run: run, Name: "c2"}, Parent: "a0", Task: taskAction("train_model", "1Gi"), Created: at(3.1),
			State: engine.State{Phase: succeeded, Ended: at(8), OutputURI: "s3://drydock/demo/development/rdone/c2/2", Attempts: []engine.Attempt{
				{Number: 1, TaskID: "T-X", Phase: failed, Started: at(3.2), Ended: at(4), Error: &core.ExecutionError{Code: "ValueError", Kind: core.ExecutionError_USER, Message: "flaky"}},
				{Number: 2, TaskID: "T-MORE", Phase: succeeded, Started: at(4.2), Ended: at(8)}}}},
		{ID: engine.ActionID{Run: run, Name: "t1"}, Parent: "c2", Trace: &workflow.TraceAction{Name: "fetch"}, Created: at(5),
			State: engine.State{Phase: succeeded, Ended: at(5)}},
		{ID: engine.ActionID{Run: run, Name: "c3"}, Parent: "a0", Task: taskAction("prepare", "1Gi"), Created: at(8.5),
			State: engine.State{Phase: succeeded, Ended: at(8.5), CacheStatus: core.CatalogCacheStatus_CACHE_HIT}},
	}
}

func live(run engine.RunID) []*engine.Action {
	return []*engine.Action{
		{ID: engine.ActionID{Run: run, Name: "a0"}, Task: taskAction("main", "1Gi"), Created: noon,
			State: engine.State{Phase: running, Attempts: []engine.Attempt{{Number: 1, TaskID: "T-LIVE", Phase: running, Started: at(1)}}}},
		{ID: engine.ActionID{Run: run, Name: "c1"}, Parent: "a0", Task: taskAction("work", "1Gi"), Created: at(1),
			State: engine.State{Phase: waiting, Attempts: []engine.Attempt{{Number: 1, TaskID: "T-W", Phase: waiting, Waiting: "waits for 1 GiB of memory: 4 tasks hold it"}}}},
		{ID: engine.ActionID{Run: run, Name: "c2"}, Parent: "a0", Condition: &workflow.ConditionAction{Name: "approve"}, Created: at(1),
			State: engine.State{Phase: paused}},
		{ID: engine.ActionID{Run: run, Name: "c3"}, Parent: "a0", Task: taskAction("old", "1Gi"), Created: at(1),
			State: engine.State{Phase: aborted, Ended: at(2), AbortReason: "Ctrl-C"}},
	}
}

// hostile is a run whose every name wants to be markup.
func hostile(run engine.RunID) []*engine.Action {
	evil := `"><script>alert(1)</script>`
	return []*engine.Action{{ID: engine.ActionID{Run: run, Name: evil}, Task: taskAction(evil, evil), Created: noon, Group: evil, InputURI: "javascript:" + evil,
		State: engine.State{Phase: failed, Ended: at(1), OutputURI: evil, AbortReason: evil, Error: &core.ExecutionError{Code: evil, Message: evil},
			Attempts: []engine.Attempt{{Number: 1, TaskID: "T-E", Phase: failed, Started: noon, Ended: at(1), Notes: []string{evil},
				Limits: []sandbox.Enforcement{{Limit: evil, State: sandbox.NotEnforced, Why: evil}}}}}}}
}
