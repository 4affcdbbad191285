// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
	"drydock/sandbox/systemd"
)

// Where systemd has the cgroups and the engine asks it for its containers', an
// attempt's own group is a slice, and the container's a scope in it:
//
//	drydock.slice/                            the administrator's, e.g. for a MemoryMax
//	  drydock-01ARZ3NDEKTSV4RRFFQ69G5FAV.1.slice/   with the limits that bind
//	    docker-<id>.scope/                    the engine's
//
// The supervisor starts the slice and stops it. Started for its own sake it
// stays when the container has gone, for its counters to be read.

// driverSystemd is the engine's word for cgroups that systemd makes.
const driverSystemd = "systemd"

// slicePatience bounds one start or stop of a slice, which is seconds of work
// for systemd on a busy machine.
const slicePatience = time.Minute

// slicer is a systemd, to start slices and to stop them.
type slicer interface {
	StartSlice(ctx context.Context, name string, properties ...systemd.Property) error
	Stop(ctx context.Context, name string) error
}

// sliceable says what keeps containers from lying in a slice of drydock's.
func sliceable(info engine.Info, h cgroup.Hierarchy) error {
	switch {
	case info.Podman():
		return errors.New("the engine leaves cgroups to systemd, and of those drydock owns some with Docker Engine only")
	case !h.ManagedBySystemd():
		return errors.New("the engine leaves cgroups to systemd, and drydock sees none that has cgroup v2")
	}
	if err := systemd.Reachable(); err != nil {
		return fmt.Errorf("the engine leaves cgroups to systemd, which drydock cannot ask for any: %w", err)
	}
	return nil
}

// inSlices puts everything of this lease directory's into slices.
func (a hostAccess) inSlices() hostAccess {
	_, own, _ := strings.Cut(a.hierarchy.Base, "-") // "": the standard one
	if own != "" {
		own += "."
	}
	a.slices, a.own, a.hierarchy.Base = true, own, cgroup.Slice
	return a
}

// groupName is what the group of an attempt is called.
func (a hostAccess) groupName(attempt string) string {
	if !a.slices {
		return attempt
	}
	return systemd.SliceName(cgroup.Slice, a.own+attempt)
}

// group is the attempt's; it need not exist.
func (a hostAccess) group(attempt string) *cgroup.Group {
	return a.hierarchy.Parent(a.groupName(attempt))
}

// parent is how the engine is told of the attempt's group.
func (a hostAccess) parent(attempt string) string {
	if a.slices {
		return a.groupName(attempt)
	}
	return a.group(attempt).Path()
}

// removeSlice stops an attempt's slice and all that is left in it.
func (a hostAccess) removeSlice(attempt string) error {
	return withSlices(func(ctx context.Context, s slicer) error {
		return stopSlice(ctx, s, a.group(attempt), a.groupName(attempt))
	})
}

// withSlices asks the machine's systemd for something.
func withSlices(ask func(context.Context, slicer) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), slicePatience)
	defer cancel()
	machine, err := systemd.Machine(ctx)
	if err != nil {
		return fmt.Errorf("systemd cannot be reached: %w", err)
	}
	return errors.Join(ask(ctx, machine), machine.Close())
}

// makeSlice makes the attempt's group where it is a slice.
func (k *keeper) makeSlice(a *supervise.Attempt) (supervise.Undo, error) {
	h, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	h.Base = k.plan.CgroupBase
	kernel := supervise.NewKernel()
	name, limits := k.plan.Cgroup, k.plan.Spec.Limits
	release := func() {}
	undo := func() error {
		release()
		kernel.Release()
		return withSlices(func(ctx context.Context, s slicer) error { return stopSlice(ctx, s, h.Parent(name), name) })
	}
	var group *cgroup.Group
	err = withSlices(func(ctx context.Context, s slicer) (err error) {
		group, err = startSlice(ctx, s, h, name, limits)
		return err
	})
	if err != nil {
		return undo, err // it may be there all the same
	}
	failpoint.At(failpoint.CgroupMade)
	if limits.GroupKill {
		stop, err := group.KeepTogether()
		if err != nil {
			return undo, err
		}
		release = stop
	}
	k.own(kernel, h, group)
	return undo, nil
}

// startSlice makes a group with the limits that bind.
func startSlice(ctx context.Context, s slicer, h cgroup.Hierarchy, name string, l sandbox.Limits) (*cgroup.Group, error) {
	if err := s.StartSlice(ctx, name, sliceProperties(l)...); err != nil {
		return nil, fmt.Errorf("systemd did not start the slice %s: %w", name, err)
	}
	group, err := h.TakeParent(name, l)
	if err != nil {
		return nil, fmt.Errorf("set the limits of the slice %s: %w", name, err)
	}
	return group, nil
}

// stopSlice stops a slice, if it is there, and removes what a container may have made in it,
// which systemd knows nothing of.
func stopSlice(ctx context.Context, s slicer, group *cgroup.Group, name string) error {
	if err := s.Stop(ctx, name); err != nil {
		return fmt.Errorf("systemd did not stop the slice %s: %w", name, err)
	}
	return group.Remove()
}

// sliceProperties are the limits in systemd's terms (systemd.resource-control(5)).
func sliceProperties(l sandbox.Limits) []systemd.Property {
	tasks := uint64(math.MaxUint64) // infinity
	if l.Pids > 0 {
		tasks = uint64(l.Pids)
	}
	all := []systemd.Property{
		{Name: "Description", Value: "a task of drydock"},
		{Name: "MemoryAccounting", Value: true},
		{Name: "CPUAccounting", Value: true},
		{Name: "TasksAccounting", Value: true},
		{Name: "TasksMax", Value: tasks},
	}
	if l.Memory > 0 {
		all = append(all,
			systemd.Property{Name: "MemoryMax", Value: uint64(l.Memory)},
			systemd.Property{Name: "MemorySwapMax", Value: uint64(0)})
	}
	if l.CPUShares > 0 {
		all = append(all, systemd.Property{Name: "CPUWeight", Value: cgroup.Weight(l.CPUShares)})
	}
	if l.CPUQuota > 0 && l.CPUPeriod > 0 {
		all = append(all,
			systemd.Property{Name: "CPUQuotaPeriodUSec", Value: l.CPUPeriod},
			systemd.Property{Name: "CPUQuotaPerSecUSec", Value: uint64(l.CPUQuota) * uint64(time.Second/time.Microsecond) / l.CPUPeriod})
	}
	return all
}
