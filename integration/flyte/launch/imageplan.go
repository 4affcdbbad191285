// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/sandbox"
)

// The names of the sandboxes, as outcomes have them.
const (
	sandboxNative = "native"
	sandboxDocker = "docker"
)

// planImage is plan for a task in its image. ENTRYPOINT, user, working
// directory and environment are the image's where the task does not say
// otherwise, as on a cluster (flyteplugins …/flytek8s/container_helper.go puts
// command and args into the pod's container as they are).
func (l *Launcher) planImage(ctx context.Context, o engine.Order, want target, why string) (plan, error) {
	t := o.Action.Task.GetSpec().GetTaskTemplate()
	name := t.GetId().GetName()
	asked, err := ask(name, want)
	if err != nil {
		return plan{}, err
	}
	secrets, files, err := l.secrets(name, t.GetSecurityContext())
	if err != nil {
		return plan{}, err
	}
	command, err := l.command(ctx, o, want.command)
	if err != nil {
		return plan{}, err
	}
	args, err := l.command(ctx, o, want.args)
	if err != nil {
		return plan{}, err
	}
	var to Endpoint
	if !isRaw(t) { // it knows neither the SDK nor its storage, and needs no way there
		to = l.c.Images.endpoint(o.Run.ID)
	}
	env, dropped := l.imageEnviron(o, want, secrets, to)
	mounts, err := l.carry(ctx, o, files)
	if err != nil {
		return plan{}, err
	}
	notes := slices.Concat([]string{l.describeImage(want.image, why)}, want.notes, dropped, foreignStorage(o))
	return plan{notes: notes, python: isA0(want.argv()), task: executor.Task{
		Name: name, Image: want.image, Pull: cmp.Or(want.pull, sandbox.PullMissing),
		Entrypoint: command, Command: args, Resources: asked,
		Env: env, CleanEnv: true, Mounts: mounts, Network: l.c.Images.Network, Hosts: to.Hosts,
		Timeout: o.Timeout, Grace: cmp.Or(want.grace, l.c.Grace), KillDeaf: want.grace == 0,
	}}, nil
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
