// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

const outputsFile = "outputs.pb"

// GetActionData returns what went into an action and what came out of it.
// What is not there is empty and no error: clients ask for the outputs of
// failed actions, too.
func (s dataService) GetActionData(ctx context.Context, req *connect.Request[dataproxy.GetActionDataRequest]) (*connect.Response[dataproxy.GetActionDataResponse], error) {
	d, err := s.actionData(ctx, req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(d), nil
}

// GetActionData is the older form.
func (s runService) GetActionData(ctx context.Context, req *connect.Request[workflow.GetActionDataRequest]) (*connect.Response[workflow.GetActionDataResponse], error) {
	d, err := s.actionData(ctx, req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.GetActionDataResponse{Inputs: d.GetInputs(), Outputs: d.GetOutputs()}), nil
}

func (s runService) GetActionDataURIs(_ context.Context, req *connect.Request[workflow.GetActionDataURIsRequest]) (*connect.Response[workflow.GetActionDataURIsResponse], error) {
	_, a, err := s.find(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.GetActionDataURIsResponse{InputsUri: inputsURI(a), OutputsUri: a.OutputURI}), nil
}

func (s *server) actionData(ctx context.Context, id *common.ActionIdentifier) (*dataproxy.GetActionDataResponse, error) {
	_, a, err := s.find(id)
	if err != nil {
		return nil, err
	}
	d := &dataproxy.GetActionDataResponse{Inputs: &task.Inputs{}, Outputs: &task.Outputs{}, InputsUri: inputsURI(a), OutputsUri: a.OutputURI}
	left := maxMessage // for both together: they are one message
	if err := s.load(ctx, d.InputsUri, &left, d.Inputs); err != nil {
		return nil, err
	}
	if err := s.load(ctx, outputsURI(a), &left, d.Outputs); err != nil {
		return nil, err
	}
	return d, nil
}

// load reads a message from the store, if there is one, and takes its size
// from what is left.
func (s *server) load(ctx context.Context, uri string, left *int, m proto.Message) error {
	if uri == "" {
		return nil
	}
	key, err := s.Objects.Key(uri)
	if err != nil { // a task may keep its outputs elsewhere
		return precondition("%s is not in drydock's store: %w", uri, err)
	}
	data, err := s.Objects.Read(ctx, key, int64(*left))
	switch {
	case isAbsent(err):
		return nil
	case err != nil:
		return precondition("%s cannot be read: %w", uri, err)
	}
	*left -= len(data)
	if err := proto.Unmarshal(data, m); err != nil {
		return precondition("%s is not what it should be: %w", uri, err)
	}
	return nil
}

func inputsURI(a *engine.Action) string {
	if a.InputURI == "" || a.Condition != nil { // a condition's is a placeholder
		return ""
	}
	return a.InputURI + "/" + inputsFile
}

// outputsURI is where an action's outputs are, "" when it has none: a
// directory is known for tasks, for traces the file itself.
func outputsURI(a *engine.Action) string {
	succeeded := a.Phase == common.ActionPhase_ACTION_PHASE_SUCCEEDED || a.Phase == common.ActionPhase_ACTION_PHASE_RECOVERED
	switch {
	case !succeeded || a.OutputURI == "" || a.Condition != nil:
		return ""
	case a.Trace != nil:
		return a.OutputURI
	}
	return strings.TrimRight(a.OutputURI, "/") + "/" + outputsFile
}
