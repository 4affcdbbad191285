// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
	"drydock/sandbox/supervise/wire"
)

// Supervise is the main function of a supervisor, a process that New's sandbox
// starts for each attempt. It returns the process's exit code.
func Supervise() int {
	calmGC()
	switch wanted, err := supervise.Await(); {
	case err != nil:
		fmt.Fprintln(os.Stderr, "drydock "+SupervisorArg+":", err)
		return wire.FailedExit
	case !wanted:
		return 0
	}
	control := supervise.NewControl()
	p, err := readPlan(control)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drydock "+SupervisorArg+":", err)
		control.Fail(err, nil)
		return wire.FailedExit
	}
	// The lease is held by this descriptor for as long as we live.
	lease := os.NewFile(wire.LeaseFD, "lease")
	defer lease.Close()

	err = control.Follow(p.Dir)
	if err == nil {
		err = newKeeper(p, control).attempt.Run()
	}
	if err != nil {
		control.Fail(err, p.Spec.OnOrphaned)
		return wire.FailedExit
	}
	control.End(p.Spec.OnOrphaned)
	return 0
}

// calmAtFirst is how long a supervisor does not collect its little garbage. Most
// of what it makes it makes until the program runs, and a collection would take
// the processor from the engine, which starts it.
const calmAtFirst = 5 * time.Second

func calmGC() {
	usual := debug.SetGCPercent(400)
	time.AfterFunc(calmAtFirst, func() { debug.SetGCPercent(usual) })
}

// readPlan reads what drydock wants, in a version that we know.
func readPlan(control *supervise.Control) (*plan, error) {
	var p plan
	if err := control.Configuration(&p); err != nil {
		return nil, err
	}
	if p.Version != planVersion {
		return nil, fmt.Errorf("drydock speaks version %d of the supervisor's contract and this one version %d; install one release of drydock only", p.Version, planVersion)
	}
	return &p, nil
}

// keeper makes an attempt's container and takes it away again.
type keeper struct {
	plan    *plan
	attempt *supervise.Attempt
	engine  *engine.Engine
	kernel  *supervise.Kernel // nil: drydock has no cgroup of its own here
	group   *cgroup.Group
	box     *box
}

// newKeeper lays out the attempt's set-up: an engine to ask, a cgroup where
// there can be one, and the container up to its start.
func newKeeper(p *plan, control *supervise.Control) *keeper {
	k := &keeper{plan: p}
	k.attempt = &supervise.Attempt{
		Config: &p.Config, Control: control, Sandbox: sandboxName,
		Scratch: scratch, Explain: k.explain, Group: sandbox.GroupEmulated,
		Steps: []supervise.Step{k.open, k.makeGroup, k.holdDisk, k.makeContainer, k.attach},
	}
	return k
}

// openPatience is how long the engine may be away when an attempt begins.
const openPatience = 30 * time.Second

func (k *keeper) open(a *supervise.Attempt) (supervise.Undo, error) {
	a.Outcome.Engine, a.Outcome.Image = k.plan.Product, k.plan.Image
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	e, err := engine.Open(ctx, k.plan.Engine)
	if err != nil {
		return nil, err
	}
	k.engine = e
	failpoint.At(failpoint.EngineReached)
	return e.Close, nil
}

func (k *keeper) makeGroup(a *supervise.Attempt) (supervise.Undo, error) {
	if !k.plan.Owned {
		return nil, nil
	}
	if k.plan.Slice {
		return k.makeSlice(a)
	}
	h, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	h.Base = k.plan.CgroupBase
	kernel := supervise.NewKernel()
	base, err := h.HoldBase(filepath.Join(filepath.Dir(k.plan.Lease), wire.BaseLock))
	if err != nil {
		return nil, err
	}
	group, err := h.CreateParent(k.plan.Cgroup, k.plan.Spec.Limits)
	if err != nil {
		return base.Release, err
	}
	failpoint.At(failpoint.CgroupMade)
	k.own(kernel, h, group)
	return func() error {
		err := group.Remove()
		if a.Outcome.StartError != nil && k.box != nil && k.engine.Info().Podman() {
			awaitMonitor(k.box.id)
			err = errors.Join(err, group.Remove())
		}
		err = errors.Join(err, base.Release())
		kernel.Release()
		return err
	}, nil
}

// own has the kernel asked about the attempt's own group.
func (k *keeper) own(kernel *supervise.Kernel, h cgroup.Hierarchy, group *cgroup.Group) {
	kernel.Own(h, group)
	k.kernel, k.group = kernel, group
	k.attempt.Group = group.GroupState(k.plan.Spec.Limits.GroupKill)
}

// makeContainer makes the container. Nothing of it runs before its start.
func (k *keeper) makeContainer(a *supervise.Attempt) (supervise.Undo, error) {
	k.plan.Container.Stdin = supervise.HasStdin() // else it gets the engine's own empty one
	id, warnings, err := k.create()
	if away(err) { // it may have made the container all the same
		return func() error { return k.engine.Remove(context.Background(), k.plan.Container.Name) }, err
	}
	if err != nil {
		return nil, err
	}
	failpoint.At(failpoint.ContainerCreated)
	a.Outcome.Limits = warned(a.Outcome.Limits, warnings)
	k.box = newBox(k.engine, id, k.group)
	k.box.nodes = k.nodesInside()
	a.Box = k.box
	a.Witness = newWitness(k, id)
	k.watchLayer(a)
	if k.group != nil {
		a.ShmUsed = k.box.shm.used
	}
	return k.removeContainer, errors.Join(k.verifyDevices(id), k.proveLayer(a, id))
}

// create makes the container. An image that somebody has removed since it was
// looked at is got again, once.
func (k *keeper) create() (id string, warnings []string, err error) {
	ctx := context.Background()
	id, warnings, err = k.engine.Create(ctx, k.plan.Container)
	if engine.KindOf(err) != engine.NoImage {
		return id, warnings, err
	}
	spec, known := k.plan.Spec, k.plan.Image
	image, err := k.engine.Provide(ctx, engine.Pull{Reference: engine.Again(known.Reference, known.Digest), Platform: spec.Platform, Policy: spec.Pull})
	if err != nil {
		return "", nil, err
	}
	image.Reference = known.Reference // as it was asked for
	k.plan.Container.Image, k.attempt.Outcome.Image = image.ID, image.Sandbox()
	return k.engine.Create(ctx, k.plan.Container)
}

// warned adds what the engine had to say about limits that it will not keep.
func warned(limits []sandbox.Enforcement, warnings []string) []sandbox.Enforcement {
	for _, w := range warnings {
		limits = append(limits, sandbox.Enforcement{Limit: "engine", State: sandbox.NotEnforced, Why: w})
	}
	return limits
}

// removePatience is how long an engine that is away is waited for with a
// container to remove. What stays then is removed by the next who cleans.
const removePatience = time.Minute

func (k *keeper) removeContainer() error {
	k.box.close()
	deadline := time.Now().Add(removePatience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := k.engine.Remove(context.Background(), k.box.id)
		failpoint.At(failpoint.ContainerRemoved)
		if err == nil || !away(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}

// away reports whether a call failed because nobody answers for now.
func away(err error) bool {
	kind := engine.KindOf(err)
	return kind == engine.Gone || kind == engine.Slow
}

func (k *keeper) attach(a *supervise.Attempt) (supervise.Undo, error) {
	err := attach(k.engine, k.box, &a.Output, a.Control.Input, k.plan.Spec)
	failpoint.At(failpoint.Attached)
	return nil, err
}

// explain says why the program never ran, in the engine's words.
func (k *keeper) explain(err error) sandbox.StartError {
	if e, ok := errors.AsType[*engine.StartError](err); ok {
		failed := sandbox.StartError{Reason: e.Reason, Message: oneLine(e.Message), Remedy: e.Remedy, Stale: e.Stale}
		if e.Reason == sandbox.StartAccelerator && k.plan.Devices == besideCDI {
			failed = unlisted(failed, k.plan.Spec.Accelerators)
		}
		return failed
	}
	if e, ok := errors.AsType[*sandbox.AcceleratorError](err); ok {
		return sandbox.StartError{Reason: sandbox.StartAccelerator, Message: oneLine(e.Message), Remedy: e.Remedy, Stale: e.Stale}
	}
	if e, ok := errors.AsType[*sandbox.ImageError](err); ok {
		return sandbox.StartError{Reason: e.Reason, Message: oneLine(e.Message), Remedy: e.Remedy}
	}
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		return sandbox.StartError{Reason: sandbox.StartRuntime, Message: oneLine(e.What), Remedy: e.Remedy}
	}
	failed := sandbox.StartError{Reason: sandbox.StartRuntime, Message: oneLine(err.Error())}
	if k.plan.Far && len(k.plan.Spec.Mounts) > 0 && engine.KindOf(err) == engine.Invalid {
		failed.Remedy = "give paths of the engine's machine; those of a container that drydock runs in must be bound there from the same path"
	}
	if held := k.attempt.HeldWork; held != "" && strings.Contains(err.Error(), held) {
		failed.Remedy = "the engine does not see what drydock has mounted, for it has mounts of its own; use --disk-enforce=evict"
	}
	return failed
}
