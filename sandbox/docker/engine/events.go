// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// Watch delivers a container's events.
type Watch struct {
	// C is closed when the watching has ended. It must be drained.
	C   <-chan Event
	err error // written before C is closed
}

// Err says why C was closed; nil when the context of Events ended.
func (w *Watch) Err() error { return w.err }

// watchedActions are the events that are of interest. Podman has names of its own for
// some, which Event.Action does not show.
var watchedActions = []string{"start", "oom", "kill", "die", "died", "destroy", "remove"}

// Events follows what happens to a container, or to all of them for "". It is
// subscribed when it returns; since, unless zero, brings those events since
// then that the engine still remembers. It ends with ctx, or with Gone when
// the engine goes away. A refusal may also come as Watch.Err.
func (e *Engine) Events(ctx context.Context, id string, since time.Time) (*Watch, error) {
	const call = "follow container's events"
	began := time.Now()
	args := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))
	for _, action := range watchedActions {
		args.Add("event", action)
	}
	if id != "" {
		args.Add("container", id)
	}
	options := events.ListOptions{Filters: args}
	if !since.IsZero() {
		options.Since = strconv.FormatInt(since.Unix(), 10) + "." + nanoseconds(since)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(e.limits.quick, func() { cancel(errSlow) })
	messages, failed := e.client.Events(ctx, options) // returns when the head of the answer is here
	if !timer.Stop() {
		return nil, explain(ctx, call, time.Since(began), <-failed)
	}
	c := make(chan Event)
	w := &Watch{C: c}
	go func() { // ends with ctx, or when the client's own goroutine does
		defer cancel(nil)
		defer close(c)
		err := relay(ctx, messages, failed, c)
		if ctx.Err() == nil || errors.Is(context.Cause(ctx), errSlow) {
			w.err = explain(ctx, call, time.Since(began), err)
		}
	}()
	return w, nil
}

func relay(ctx context.Context, messages <-chan events.Message, failed <-chan error, to chan<- Event) error {
	for {
		select {
		case message := <-messages:
			select {
			case to <- eventFrom(message):
			case <-ctx.Done():
				return ctx.Err()
			}
		case err := <-failed:
			return err
		}
	}
}

func eventFrom(message events.Message) Event {
	event := Event{
		ID:       message.Actor.ID,
		Action:   string(message.Action),
		Time:     time.Unix(0, message.TimeNano),
		ExitCode: -1,
		Signal:   message.Actor.Attributes["signal"],
	}
	switch event.Action {
	case "died":
		event.Action = "die"
	case "remove":
		event.Action = "destroy"
	}
	for _, name := range []string{"exitCode", "containerExitCode"} { // the second is Podman's
		if code, err := strconv.Atoi(message.Actor.Attributes[name]); err == nil {
			event.ExitCode = code
		}
	}
	return event
}

// nanoseconds are those within t's second, in the nine digits that the
// engine's own times have.
func nanoseconds(t time.Time) string {
	digits := strconv.Itoa(t.Nanosecond())
	for len(digits) < 9 {
		digits = "0" + digits
	}
	return digits
}
