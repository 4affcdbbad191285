// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

type runService struct{ *server }

var errTrigger = unimplemented("drydock does not serve runs of triggers; run the task itself")

// CreateRun starts a run.
func (s runService) CreateRun(ctx context.Context, req *connect.Request[workflow.CreateRunRequest]) (*connect.Response[workflow.CreateRunResponse], error) {
	m := req.Msg
	id, err := s.newRunID(m.GetRunId(), m.GetProjectId())
	if err != nil {
		return nil, err
	}
	name, spec, err := s.runTask(m)
	if err != nil {
		return nil, err
	}
	if err := s.CheckTask(spec); err != nil {
		return nil, invalid("%w", err)
	}
	if err := s.Registry.Touch(id.Project, id.Domain); err != nil {
		return nil, err
	}
	in, err := s.runInputs(ctx, m, id, spec)
	if err != nil {
		return nil, err
	}
	var start time.Time
	if m.GetRunStartTime().IsValid() {
		start = m.GetRunStartTime().AsTime()
	}
	run, root, err := s.Engine.CreateRun(ctx, engine.NewRun{ID: id, TaskID: name, Task: spec, Spec: m.GetRunSpec(),
		InputURI: in.GetUri(), InputsHash: in.GetInputsHash(), Source: m.GetSource(), StartTime: start})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.CreateRunResponse{Run: runView(run, root)}), nil
}

// newRunID reads the two forms of saying where a run is made: with its name,
// or with the project only; the name stays "" then.
func (s *server) newRunID(run *common.RunIdentifier, project *common.ProjectIdentifier) (engine.RunID, error) {
	if run != nil {
		return runID(run)
	}
	id := engine.RunID{Project: project.GetName(), Domain: project.GetDomain()}
	return id, checkScope(id.Project, id.Domain)
}

// runTask is the task that a run is of.
func (s *server) runTask(m *workflow.CreateRunRequest) (*task.TaskIdentifier, *task.TaskSpec, error) {
	switch t := m.GetTask().(type) {
	case *workflow.CreateRunRequest_TaskId:
		details, err := s.deployed(t.TaskId)
		if err != nil {
			return nil, nil, err
		}
		return details.GetTaskId(), details.GetSpec(), nil
	case *workflow.CreateRunRequest_TaskSpec:
		id := t.TaskSpec.GetTaskTemplate().GetId()
		if err := checkText("task name", id.GetName()); err != nil {
			return nil, nil, err
		}
		return taskID(id), t.TaskSpec, nil
	case *workflow.CreateRunRequest_TriggerName:
		return nil, nil, errTrigger
	}
	return nil, nil, invalid("a run needs a task")
}

func (s *server) runInputs(ctx context.Context, m *workflow.CreateRunRequest, id engine.RunID, spec *task.TaskSpec) (*common.OffloadedInputData, error) {
	if in := m.GetOffloadedInputData(); in != nil {
		return s.offloaded(ctx, in)
	}
	in, err := complete(m.GetInputs(), spec)
	if err != nil {
		return nil, err
	}
	return s.storeInputs(ctx, id.Project+"/"+id.Domain, in, spec)
}
