// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"slices"
	"time"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/resources"
	"drydock/sandbox"
)

// target is what a task template wants run, whichever way it says so.
type target struct {
	image     string
	pull      sandbox.PullPolicy // "": as if nothing was said
	command   []string           // in the place of an image's ENTRYPOINT; mostly empty
	args      []string           // in the place of its CMD; templates not yet filled in
	env       []*core.KeyValuePair
	resources resources.Wire
	grace     time.Duration // 0: the usual; negative: none
	notes     []string      // what of it is not heeded here
}

// argv is all that is run where no image has an ENTRYPOINT to add.
func (t target) argv() []string { return slices.Concat(t.command, t.args) }

// Task types, as flyte-sdk sends them.
const (
	typePython    = "python"
	typeContainer = "container"
	typeActor     = "actor"   // a reusable environment; a fresh process each time is right, too
	typeSidecar   = "sidecar" // a PodTemplate
	typeRaw       = "raw-container"
)

// supported ends the sentence that refuses a task.
const supported = "drydock runs Python tasks, reusable environments, pod templates of one container, and container tasks in their image"

func isRaw(t *core.TaskTemplate) bool { return t.GetType() == typeRaw }

// checkType refuses what no sandbox of this Launcher's runs.
func (l *Launcher) checkType(t *core.TaskTemplate) error {
	switch {
	case isRaw(t) && l.c.Images == nil:
		return refuse(codeBadTask, "task %s is a ContainerTask, which needs its own image %s, and this drydock up runs every task on this machine's own root file system (--native); start it without --native, with a container engine",
			t.GetId().GetName(), t.GetContainer().GetImage())
	case t.GetContainer() == nil && t.GetK8SPod() == nil:
		return refuse(codeBadTask, "task %s of type %q names no container to run; %s", t.GetId().GetName(), t.GetType(), supported)
	case isRaw(t) && t.GetContainer().GetImage() == "":
		return refuse(codeBadTask, "task %s is a ContainerTask without an image; name one", t.GetId().GetName())
	}
	switch t.GetType() {
	case typePython, typeContainer, typeActor, typeSidecar, typeRaw, "":
		return nil
	}
	return refuse(codeBadTask, "task %s is of type %q, which needs a cluster's plugin; %s", t.GetId().GetName(), t.GetType(), supported)
}

// targetOf reads what a task template wants run, and refuses what no sandbox of
// this Launcher's runs.
func (l *Launcher) targetOf(t *core.TaskTemplate) (target, error) {
	if err := l.checkType(t); err != nil {
		return target{}, err
	}
	out, err := readTarget(t)
	if err != nil {
		return target{}, err
	}
	_, inImage := l.imageOf(out)
	switch {
	case !inImage && l.c.Images != nil && l.c.Images.Only:
		return target{}, refuse(codeBadTask, "task %s names no image, and this drydock up runs tasks in images alone (--sandbox docker); give its environment an image, or start drydock up with --sandbox auto", t.GetId().GetName())
	case !inImage && len(out.argv()) == 0:
		return target{}, refuse(codeBadTask, "task %s names no program to run; a Python task's begins with a0: deploy it again with a current flyte", t.GetId().GetName())
	}
	return out, nil
}

// readTarget reads what a task template wants run.
func readTarget(t *core.TaskTemplate) (target, error) {
	var out target
	var err error
	if c := t.GetContainer(); c != nil {
		out = containerTarget(c)
	} else if out, err = podTarget(t); err != nil {
		return target{}, err
	}
	extend(&out.resources, t.GetExtendedResources())
	if name := t.GetMetadata().GetPodTemplateName(); name != "" {
		out.notes = append(out.notes, fmt.Sprintf("the cluster's pod template %q is not used: there is none here", name))
	}
	if path := t.GetExtendedResources().GetSharedMemory().GetMountPath(); path != "" && path != shmPath {
		out.notes = append(out.notes, fmt.Sprintf("shared memory is at %s here, not at %s", shmPath, path))
	}
	return out, nil
}

// shmPath is where shared memory always is.
const shmPath = "/dev/shm"

func containerTarget(c *core.Container) target {
	return target{
		image:   c.GetImage(),
		command: c.GetCommand(),
		args:    c.GetArgs(),
		env:     c.GetEnv(),
		resources: resources.Wire{
			Requests: entries(c.GetResources().GetRequests()),
			Limits:   entries(c.GetResources().GetLimits()),
		},
	}
}

func entries(from []*core.Resources_ResourceEntry) []resources.Entry {
	var all []resources.Entry
	for _, e := range from {
		all = append(all, resources.Entry{Name: e.GetName().String(), Value: e.GetValue()})
	}
	return all
}

// extend adds a template's extended resources.
func extend(w *resources.Wire, x *core.ExtendedResources) {
	if a := x.GetGpuAccelerator(); a != nil {
		w.Accelerator = &resources.WireAccelerator{Device: a.GetDevice(), Class: int(a.GetDeviceClass())}
		if p, ok := a.GetPartitionSizeValue().(*core.GPUAccelerator_PartitionSize); ok {
			w.Accelerator.Partition, w.Accelerator.Partitioned = p.PartitionSize, true
		}
	}
	if m := x.GetSharedMemory(); m != nil {
		size := m.GetSizeLimit()
		w.SharedMemory = &size
	}
}
