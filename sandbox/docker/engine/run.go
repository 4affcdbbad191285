// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// Start runs a container's program. A *StartError says that the program, or
// its surroundings, would not do; the container is then still there. Starting
// one that runs does nothing.
func (e *Engine) Start(ctx context.Context, id string) error {
	return refusedStart(e.call(ctx, "start container", e.limits.change, func(ctx context.Context) error {
		return e.client.ContainerStart(ctx, id, container.StartOptions{})
	}))
}

// Exit is how a container ended.
type Exit struct {
	Code  int    // 128+n when a signal ended the main process
	Error string // of the engine's own, after the end; usually ""
}

// Wait waits until the container does not run. One that was not started yet
// does not run: call it after Start. It has no deadline of its own; an engine
// that goes away ends it with Gone, a removed container with NotFound.
func (e *Engine) Wait(ctx context.Context, id string) (Exit, error) {
	began := time.Now()
	ended, failed := e.client.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case end := <-ended:
		exit := Exit{Code: int(end.StatusCode)}
		if end.Error != nil {
			exit.Error = end.Error.Message
		}
		return exit, nil
	case err := <-failed:
		return Exit{}, explain(ctx, "wait for container", time.Since(began), err)
	}
}

// Inspect looks at a container.
func (e *Engine) Inspect(ctx context.Context, id string) (State, error) {
	var seen container.InspectResponse
	err := e.call(ctx, "inspect container", e.limits.quick, func(ctx context.Context) (err error) {
		seen, err = e.client.ContainerInspect(ctx, id)
		return err
	})
	if err != nil {
		return State{}, err
	}
	return stateFrom(seen), nil
}

func stateFrom(seen container.InspectResponse) State {
	var s State
	if base := seen.ContainerJSONBase; base != nil {
		s.ID, s.Name, s.Image = base.ID, strings.TrimPrefix(base.Name, "/"), base.Image
		s.CreatedAt, s.Layer = when(base.Created), base.GraphDriver.Data["UpperDir"]
		if base.HostConfig != nil {
			s.CgroupParent, s.LogDriver = base.HostConfig.CgroupParent, base.HostConfig.LogConfig.Type
			s.Devices, s.DeviceIDs = devicesOf(base.HostConfig)
		}
		if now := base.State; now != nil {
			s.Status, s.Running, s.PID = string(now.Status), now.Running, now.Pid
			s.ExitCode, s.OOMKilled, s.Error = now.ExitCode, now.OOMKilled, now.Error
			s.StartedAt = when(now.StartedAt)
		}
	}
	if seen.Config != nil {
		s.Labels, s.TTY = seen.Config.Labels, seen.Config.Tty
	}
	return s
}

func devicesOf(host *container.HostConfig) (paths, ids []string) {
	for _, d := range host.Devices {
		paths = append(paths, d.PathInContainer)
	}
	for _, r := range host.DeviceRequests {
		ids = append(ids, r.DeviceIDs...)
	}
	return paths, ids
}

// when reads an engine's time. Its way to say never is the year 1, Podman's
// the Unix epoch in some versions.
func when(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1970 {
		return time.Time{}
	}
	return t
}

// Kill sends a signal to the main process; "SIGKILL" goes to all of them.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	return e.call(ctx, "send "+signal+" to container", e.limits.quick, func(ctx context.Context) error {
		return e.client.ContainerKill(ctx, id, signal)
	})
}

// Resize tells a container's terminal its size in character cells.
func (e *Engine) Resize(ctx context.Context, id string, rows, cols uint16) error {
	return e.call(ctx, "resize container's terminal", e.limits.quick, func(ctx context.Context) error {
		return e.client.ContainerResize(ctx, id, container.ResizeOptions{Height: uint(rows), Width: uint(cols)})
	})
}

// passing reports whether a removal failed for what will be over in a moment:
// somebody else is removing the container (Docker), or it ended by itself when
// it was to be stopped (Podman).
func passing(err error) bool {
	return strings.Contains(err.Error(), "is already in progress") || strings.Contains(err.Error(), "container state improper")
}

// removalPause is between two tries to remove a container.
const removalPause = 50 * time.Millisecond

// Remove ends a container if it runs and removes it with its anonymous
// volumes. It returns once the container is gone; that it was gone before is
// no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	return e.call(ctx, "remove container", e.limits.change, func(ctx context.Context) error {
		for {
			err := e.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
			if err == nil || kindOf(err, words(err)) == NotFound {
				return nil
			}
			if !passing(err) {
				return err
			}
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			case <-time.After(removalPause):
			}
		}
	})
}

// List returns the containers that carry every one of the labels, stopped ones
// too. A label with the value "" may have any value.
func (e *Engine) List(ctx context.Context, labels map[string]string) ([]Listed, error) {
	args := filters.NewArgs()
	for name, value := range labels {
		if value != "" {
			name += "=" + value
		}
		args.Add("label", name)
	}
	var found []container.Summary
	err := e.call(ctx, "list containers", e.limits.quick, func(ctx context.Context) (err error) {
		found, err = e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
		return err
	})
	var all []Listed
	for _, c := range found {
		l := Listed{ID: c.ID, Image: c.Image, State: string(c.State), Labels: c.Labels, CreatedAt: time.Unix(c.Created, 0)}
		if len(c.Names) > 0 {
			l.Name = strings.TrimPrefix(c.Names[0], "/")
		}
		all = append(all, l)
	}
	return all, err
}
