// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"drydock/integration/flyte/engine"
	"drydock/sandbox"
)

// The names of the sandboxes, as outcomes have them.
const (
	sandboxNative = "native"
	sandboxDocker = "docker"
)

// planImage plans a task for its image. ENTRYPOINT, user, working directory and
// environment are the image's where the task does not say otherwise, as on a
// cluster (flyteplugins …/flytek8s/container_helper.go puts command and args
// into the pod's container as they are).
func (l *Launcher) planImage(ctx context.Context, o engine.Order, want wanted, p *plan) error {
	t := &p.task
	var err error
	if t.Entrypoint, err = l.command(ctx, o, want.command); err != nil {
		return err
	}
	if t.Command, err = l.command(ctx, o, want.args); err != nil {
		return err
	}
	var to Endpoint
	if !isRaw(o.Action.Task.GetSpec().GetTaskTemplate()) { // it knows neither the SDK nor its storage, and needs no way there
		to = l.c.Images.endpoint(o.Run.ID)
	}
	var dropped []string
	t.Env, dropped = l.imageEnviron(o, want.target, want.secrets, to)
	if t.Mounts, err = l.carry(ctx, o, want.files); err != nil {
		return err
	}
	t.Image, t.Pull, t.Network, t.Hosts = want.image, cmp.Or(want.pull, sandbox.PullMissing), l.c.Images.Network, to.Hosts
	p.notes = slices.Concat([]string{l.describeImage(want.image, want.why)}, want.notes, dropped, foreignStorage(o))
	p.python = isA0(want.argv())
	return nil
}

func (l *Launcher) describeImage(image, why string) string {
	network := "the engine's bridge"
	if l.c.Images.Network == sandbox.NetworkHost {
		network = "this machine's network"
	}
	return fmt.Sprintf("sandbox docker (%s): it runs in %s, by %s, on %s", why, image, l.c.Images.Engine, network)
}

// imageEnviron is what is laid over the image's own environment.
func (l *Launcher) imageEnviron(o engine.Order, want target, secrets map[string]string, to Endpoint) (env map[string]string, notes []string) {
	env, notes = asked(o, want, secrets)
	identify(env, o)
	if to.API == "" {
		return env, notes
	}
	suggest(env, "PYTHONUNBUFFERED", "1") // a pipe's buffer is lost with a kill
	names := loopback
	if to.Name != "" {
		names += "," + to.Name
	}
	noProxy(env, names)
	l.connect(env, o, to)
	return env, notes
}
