// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// find returns an action and its run.
func (s *server) find(id *common.ActionIdentifier) (*engine.Run, *engine.Action, error) {
	name, err := actionID(id)
	if err != nil {
		return nil, nil, err
	}
	run, err := s.Engine.Run(name.Run)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.Engine.Action(name)
	return run, a, err
}

// findRun returns a run and its root action.
func (s *server) findRun(id *common.RunIdentifier) (*engine.Run, *engine.Action, error) {
	return s.find(&common.ActionIdentifier{Run: id, Name: engine.RootAction})
}

func (s runService) GetRunDetails(_ context.Context, req *connect.Request[workflow.GetRunDetailsRequest]) (*connect.Response[workflow.GetRunDetailsResponse], error) {
	run, root, err := s.findRun(req.Msg.GetRunId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.GetRunDetailsResponse{Details: runDetails(run, root)}), nil
}

func (s runService) GetActionDetails(_ context.Context, req *connect.Request[workflow.GetActionDetailsRequest]) (*connect.Response[workflow.GetActionDetailsResponse], error) {
	run, a, err := s.find(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.GetActionDetailsResponse{Details: actionDetails(run, a)}), nil
}

// GetActionLogContext names the one place that an attempt runs in as Flyte
// would name its pod.
func (s runService) GetActionLogContext(_ context.Context, req *connect.Request[workflow.GetActionLogContextRequest]) (*connect.Response[workflow.GetActionLogContextResponse], error) {
	_, a, err := s.find(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	at := attemptOf(a, req.Msg.GetAttempt())
	if at == nil {
		return nil, noAttempt(a, req.Msg.GetAttempt())
	}
	const container = "main"
	return connect.NewResponse(&workflow.GetActionLogContextResponse{
		StartTime: stamp(at.Started), EndTime: stamp(at.Ended),
		LogContext: &core.LogContext{PrimaryPodName: at.TaskID, Pods: []*core.PodLogContext{{
			PodName: at.TaskID, PrimaryContainerName: container, Containers: []*core.ContainerContext{{ContainerName: container}},
		}}},
	}), nil
}

func noAttempt(a *engine.Action, number uint32) error {
	return notFound("action %s of run %s has no attempt %d", a.ID.Name, a.ID.Run.Name, number)
}
