// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"strings"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// actionsService is what a running task asks of its children.
type actionsService struct{ *server }

// Enqueue accepts a child. A running task repeats a call that took too long
// or whose answer was lost: the same child again is no error.
func (s actionsService) Enqueue(ctx context.Context, req *connect.Request[actions.EnqueueRequest]) (*connect.Response[actions.EnqueueResponse], error) {
	a := req.Msg.GetAction()
	if err := checkChild(a); err != nil {
		return nil, err
	}
	if err := s.Engine.Enqueue(ctx, a); err != nil {
		return nil, err
	}
	return connect.NewResponse(&actions.EnqueueResponse{}), nil
}

func checkChild(a *actions.Action) error {
	_, err := actionID(a.GetActionId())
	err = first(err, checkName("parent action", a.GetParentActionName()))
	if len(a.GetGroup()) > 4*maxText || strings.ContainsRune(a.GetGroup(), 0) {
		err = first(err, invalid("%.40q… is no name for a group", a.GetGroup()))
	}
	return err
}

// WatchForUpdates sends the state of every child of an action, a sentinel,
// and then every change until the client goes. The client waits for the
// sentinel before it asks for a child, so that all of it is sent at once.
func (s actionsService) WatchForUpdates(ctx context.Context, req *connect.Request[actions.WatchForUpdatesRequest], out *connect.ServerStream[actions.WatchForUpdatesResponse]) error {
	parent, err := actionID(req.Msg.GetParentActionId())
	if err != nil {
		return err
	}
	return s.Engine.WatchChildren(ctx, parent, func(u engine.Update) error {
		m := &actions.WatchForUpdatesResponse{}
		if u.Action == nil {
			m.Message = &actions.WatchForUpdatesResponse_ControlMessage{ControlMessage: &workflow.ControlMessage{Sentinel: true}}
		} else {
			m.Message = &actions.WatchForUpdatesResponse_ActionUpdate{ActionUpdate: update(u.Action)}
		}
		return out.Send(m)
	})
}

// Abort ends a child and all below it; one that is over stays as it is.
func (s actionsService) Abort(_ context.Context, req *connect.Request[actions.AbortRequest]) (*connect.Response[actions.AbortResponse], error) {
	id, err := actionID(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	if err := s.Engine.AbortAction(id, req.Msg.GetReason()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&actions.AbortResponse{}), nil
}

// Signal gives a condition the value it waits for.
func (s actionsService) Signal(_ context.Context, req *connect.Request[actions.SignalRequest]) (*connect.Response[actions.SignalResponse], error) {
	id, err := actionID(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	if req.Msg.GetValue() == nil {
		return nil, invalid("the signal has no value")
	}
	if err := s.Engine.Signal(id, req.Msg.GetValue()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&actions.SignalResponse{}), nil
}
