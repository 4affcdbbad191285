// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// WatchClusterEvents sends what a user should know of an attempt, and what
// comes to it until the attempt has ended.
func (s runService) WatchClusterEvents(ctx context.Context, req *connect.Request[workflow.WatchClusterEventsRequest], out *connect.ServerStream[workflow.WatchClusterEventsResponse]) error {
	_, a, err := s.find(req.Msg.GetId())
	if err != nil {
		return err
	}
	number := req.Msg.GetAttempt()
	if number == 0 {
		number = attemptCount(a)
	}
	if attemptOf(a, number) == nil && number != attemptCount(a) {
		return noAttempt(a, number)
	}
	if err := out.Send(nil); err != nil {
		return err
	}
	sent := map[string]bool{}
	err = s.Engine.WatchAction(ctx, a.ID, func(a *engine.Action) error {
		at := attemptOf(a, number)
		if at == nil {
			return nil
		}
		var news []*workflow.ClusterEvent
		for _, e := range events(at) {
			if !sent[e.GetMessage()] {
				sent[e.GetMessage()] = true
				news = append(news, e)
			}
		}
		if len(news) > 0 {
			if err := out.Send(&workflow.WatchClusterEventsResponse{ClusterEvents: news}); err != nil {
				return err
			}
		}
		if !at.Ended.IsZero() {
			return errEnded
		}
		return nil
	})
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}
