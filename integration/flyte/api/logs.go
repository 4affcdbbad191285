// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/logs/dataplane"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/internal/crilog"
)

// TailLogs sends what an attempt has printed and prints, and ends when the
// attempt has. Of one that waits to start it sends nothing until it does.
func (s dataService) TailLogs(ctx context.Context, req *connect.Request[dataproxy.TailLogsRequest], out *connect.ServerStream[dataproxy.TailLogsResponse]) error {
	return s.tail(ctx, req.Msg.GetActionId(), req.Msg.GetAttempt(), func(lines []*dataplane.LogLine) error {
		if lines == nil {
			return out.Send(nil)
		}
		if len(lines) == 0 {
			return out.Send(&dataproxy.TailLogsResponse{})
		}
		return out.Send(&dataproxy.TailLogsResponse{Logs: []*dataproxy.TailLogsResponse_Logs{{Lines: lines}}})
	})
}

type runLogsService struct{ *server }

// TailLogs is the older form.
func (s runLogsService) TailLogs(ctx context.Context, req *connect.Request[workflow.TailLogsRequest], out *connect.ServerStream[workflow.TailLogsResponse]) error {
	return s.tail(ctx, req.Msg.GetActionId(), req.Msg.GetAttempt(), func(lines []*dataplane.LogLine) error {
		if lines == nil {
			return out.Send(nil)
		}
		if len(lines) == 0 {
			return out.Send(&workflow.TailLogsResponse{})
		}
		return out.Send(&workflow.TailLogsResponse{Logs: []*workflow.TailLogsResponse_Logs{{Lines: lines}}})
	})
}

// tail calls send with lines; nil is to send the headers only, so that the
// client knows that it is heard before the first line, and an empty slice to
// send a message without any.
func (s *server) tail(ctx context.Context, id *common.ActionIdentifier, number uint32, send func([]*dataplane.LogLine) error) error {
	_, a, err := s.find(id)
	if err != nil {
		return err
	}
	if number == 0 {
		number = attemptCount(a)
	}
	at := attemptOf(a, number)
	switch {
	case a.Task == nil:
		return send([]*dataplane.LogLine{{Timestamp: timestamppb.New(a.Created), Originator: dataplane.LogLineOriginator_SYSTEM,
			Message: "what runs inside another action prints into that action's log: " + a.Parent + "\n"}})
	case at == nil && len(a.Attempts) == 0 && number == attemptCount(a):
		return send(nil) // from the cache, or aborted first: nothing ran
	case at == nil:
		return noAttempt(a, number)
	}
	if err := send(nil); err != nil {
		return err
	}
	if at.TaskID == "" {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	send, quiet := keepAlive(send)
	defer quiet()
	err = crilog.Follow(ctx, s.Logs.LogFile(at.TaskID), s.ended(ctx, cancel, a.ID, int(number)), func(lines []crilog.Line) error {
		return send(logLines(lines))
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// heartbeat is how often a stream of logs says something. The SDK (2.12.1,
// remote/_logs.py) gives up a stream that says nothing for 30 s.
const heartbeat = 10 * time.Second

// keepAlive returns a send that is called with no lines when nothing else was
// sent for a while, until quiet is called.
func keepAlive(send func([]*dataplane.LogLine) error) (alive func([]*dataplane.LogLine) error, quiet func()) {
	var mu sync.Mutex // a stream takes one message at a time
	beat := time.NewTicker(heartbeat)
	stop, stopped := make(chan struct{}), make(chan struct{})
	alive = func(lines []*dataplane.LogLine) error {
		mu.Lock()
		defer mu.Unlock()
		beat.Reset(heartbeat)
		return send(lines)
	}
	go func() { // ends with quiet
		defer close(stopped)
		for {
			select {
			case <-beat.C:
				_ = alive([]*dataplane.LogLine{}) // a client that is gone ends the stream
			case <-stop:
				return
			}
		}
	}()
	return alive, func() { beat.Stop(); close(stop); <-stopped }
}

// ended returns a channel that is closed when an attempt has ended. When that
// will not be learned any more, ctx is cancelled with the cause.
func (s *server) ended(ctx context.Context, cancel context.CancelCauseFunc, id engine.ActionID, number int) <-chan struct{} {
	done := make(chan struct{})
	over := func(a *engine.Action) bool {
		at := attemptOf(a, uint32(number))
		return at == nil || !at.Ended.IsZero()
	}
	go func() {
		err := s.Engine.WatchAction(ctx, id, func(a *engine.Action) error {
			if over(a) {
				return errEnded
			}
			return nil
		})
		if err == nil {
			err = s.awaitEnd(ctx, id, over)
		}
		if errors.Is(err, errEnded) {
			close(done)
			return
		}
		cancel(err)
	}()
	return done
}

var errEnded = errors.New("the attempt has ended")

const (
	endPoll     = 100 * time.Millisecond
	endPatience = time.Minute // more than a sandbox takes from SIGTERM to its end
)

// awaitEnd waits for the last attempt of an aborted action, which prints
// until it is dead, when the action is over for long. errEnded is success.
func (s *server) awaitEnd(ctx context.Context, id engine.ActionID, over func(*engine.Action) bool) error {
	for range endPatience / endPoll {
		a, err := s.Engine.Action(id)
		if err != nil {
			return err
		}
		if over(a) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(endPoll):
		}
	}
	return errEnded
}

// logLines are lines as clients print them, which add no line's end.
func logLines(lines []crilog.Line) []*dataplane.LogLine {
	out := make([]*dataplane.LogLine, len(lines))
	for i, l := range lines {
		text := l.Text
		if !l.Partial {
			text += "\n"
		}
		out[i] = &dataplane.LogLine{Message: text, Originator: dataplane.LogLineOriginator_USER}
		if l.Note {
			out[i].Originator = dataplane.LogLineOriginator_SYSTEM
		}
		if !l.Time.IsZero() {
			out[i].Timestamp = timestamppb.New(l.Time)
		}
	}
	return out
}
