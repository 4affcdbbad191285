// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
	"drydock/sandbox/supervise/wire"
)

// Supervise is the main function of a supervisor, a process that New's sandbox
// starts for each attempt. It returns the process's exit code.
func Supervise() int {
	control := supervise.NewControl()
	p, err := readPlan(control)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drydock "+SupervisorArg+":", err)
		control.Fail(err)
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
		control.Fail(err)
		return wire.FailedExit
	}
	control.End(p.Spec.OnOrphaned)
	return 0
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
		Scratch: scratch, Explain: explain, Group: sandbox.GroupEmulated,
		Steps: []supervise.Step{k.open, k.makeGroup, k.makeContainer, k.attach},
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
	return e.Close, nil
}

func (k *keeper) makeGroup(a *supervise.Attempt) (supervise.Undo, error) {
	if !k.plan.Owned {
		return nil, nil
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
	kernel.Own(h, group)
	k.kernel, k.group = kernel, group
	a.Group = group.GroupState(k.plan.Spec.Limits.GroupKill)
	return func() error {
		err := errors.Join(group.Remove(), base.Release())
		kernel.Release()
		return err
	}, nil
}

// makeContainer makes the container. Nothing of it runs before its start.
func (k *keeper) makeContainer(a *supervise.Attempt) (supervise.Undo, error) {
	id, warnings, err := k.engine.Create(context.Background(), k.plan.Container)
	if err != nil {
		return nil, err
	}
	a.Outcome.Limits = warned(a.Outcome.Limits, warnings)
	k.box = newBox(k.engine, id, k.group)
	a.Box = k.box
	a.Witness = newWitness(k, id)
	if k.group != nil {
		a.ShmUsed = k.box.shm.used
	}
	return k.removeContainer, nil
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
	return nil, attach(k.engine, k.box, &a.Output, k.plan.Spec)
}

// explain says why the program never ran, in the engine's words.
func explain(err error) sandbox.StartError {
	failed := sandbox.StartError{Reason: sandbox.StartRuntime, Message: oneLine(err.Error())}
	if e, ok := errors.AsType[*engine.StartError](err); ok {
		failed.Reason, failed.Message = e.Reason, oneLine(e.Message)
	}
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		failed.Message, failed.Remedy = oneLine(e.What), e.Remedy
	}
	return failed
}
