// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"connectrpc.com/connect"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/workflow"
)

func (s runService) AbortRun(_ context.Context, req *connect.Request[workflow.AbortRunRequest]) (*connect.Response[workflow.AbortRunResponse], error) {
	id, err := runID(req.Msg.GetRunId())
	if err != nil {
		return nil, err
	}
	if err := s.Engine.AbortRun(id, req.Msg.GetReason()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.AbortRunResponse{}), nil
}

func (s runService) AbortAction(_ context.Context, req *connect.Request[workflow.AbortActionRequest]) (*connect.Response[workflow.AbortActionResponse], error) {
	id, err := actionID(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	if err := s.Engine.AbortAction(id, req.Msg.GetReason()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.AbortActionResponse{}), nil
}

// SignalEvent gives a condition the value it waits for.
func (s runService) SignalEvent(_ context.Context, req *connect.Request[workflow.SignalEventRequest]) (*connect.Response[workflow.SignalEventResponse], error) {
	id, err := actionID(req.Msg.GetActionId())
	if err != nil {
		return nil, err
	}
	value, err := payload(req.Msg.GetPayload())
	if err != nil {
		return nil, err
	}
	if err := s.Engine.Signal(id, value); err != nil {
		return nil, err
	}
	return connect.NewResponse(&workflow.SignalEventResponse{}), nil
}

// payload is an event's value as a task reads it.
func payload(p *workflow.EventPayload) (*core.Literal, error) {
	v := &core.Primitive{}
	switch value := p.GetValue().(type) {
	case *workflow.EventPayload_BoolValue:
		v.Value = &core.Primitive_Boolean{Boolean: value.BoolValue}
	case *workflow.EventPayload_IntValue:
		v.Value = &core.Primitive_Integer{Integer: value.IntValue}
	case *workflow.EventPayload_FloatValue:
		v.Value = &core.Primitive_FloatValue{FloatValue: value.FloatValue}
	case *workflow.EventPayload_StringValue:
		v.Value = &core.Primitive_StringValue{StringValue: value.StringValue}
	default:
		return nil, invalid("the signal has no value")
	}
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Primitive{Primitive: v}}}}, nil
}
