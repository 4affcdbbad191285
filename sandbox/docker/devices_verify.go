// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/devices"
)

// verifyDevices looks at what the engine made of the request, before the
// program runs: never a silent run without the devices. Errors are
// *sandbox.AcceleratorError and the engine's.
func (k *keeper) verifyDevices(id string) error {
	a := k.plan.Spec.Accelerators
	if a == nil {
		return nil
	}
	ctx := context.Background()
	want, podman := k.plan.Container, k.engine.Info().Podman()
	if podman { // it says nothing before
		if err := k.engine.Initialise(ctx, id); err != nil {
			return err
		}
	}
	state, err := k.engine.Inspect(ctx, id)
	if err != nil {
		return err
	}
	var missing []string
	switch {
	case podman:
		missing = without(devices.Required(a), state.Devices)
	case want.Request != nil:
		missing = without(want.Request.IDs, state.DeviceIDs)
	default:
		missing = without(want.Devices, state.Devices)
	}
	if len(missing) == 0 {
		return nil
	}
	return &sandbox.AcceleratorError{
		Message: fmt.Sprintf("%s made the container without %s, and said nothing", k.plan.Product, strings.Join(missing, ", ")),
		Remedy:  "use a current Docker Engine with the NVIDIA Container Toolkit, or the native sandbox",
	}
}

// nodesInside are the nodes that the container of this machine must have once
// its program runs: NVIDIA's runtime, and its hook, put them there or leave
// them out by settings of their own, and say nothing of it.
func (k *keeper) nodesInside() []string {
	a := k.plan.Spec.Accelerators
	if a == nil || k.plan.Far {
		return nil
	}
	return devices.Required(a)
}

// missesDevices looks for the nodes where the program has just begun, as far
// as it is there to be seen, and ends it if it lacks any.
func (b *box) missesDevices() error {
	p := b.process()
	if p == nil || len(b.nodes) == 0 {
		return nil
	}
	root := "/proc/" + strconv.Itoa(p.pid) + "/root"
	var st unix.Stat_t
	missing := slices.DeleteFunc(slices.Clone(b.nodes), func(path string) bool {
		return !errors.Is(unix.Lstat(root+path, &st), unix.ENOENT)
	})
	// A process on its way out loses its root (exit_fs, kernel/exit.c) before it
	// can be seen to have ended, and all files are missing then.
	if len(missing) == 0 || unix.Stat(root+"/", &st) != nil || p.ended() {
		return nil
	}
	b.Signal(unix.SIGKILL)
	return &sandbox.AcceleratorError{
		Message: "the engine started the container without " + strings.Join(missing, ", ") + ", and said nothing",
		Remedy:  "look at /etc/nvidia-container-runtime/config.toml (`accept-nvidia-visible-devices-envvar-when-unprivileged`), and at `docker run --rm --gpus all IMAGE nvidia-smi`",
	}
}

// without are the words of the first list that the second lacks.
func without(wanted, there []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(word string) bool { return slices.Contains(there, word) })
}
