// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/disk"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise"
	"drydock/sandbox/supervise/wire"
)

// newAttempt lays out the attempt's set-up: its cgroup, its file systems, and
// the container up to the last step before the program's execve.
func newAttempt(config *shimapi.Config, control *supervise.Control) *supervise.Attempt {
	section := &config.Drydock
	var group *cgroup.Group
	return &supervise.Attempt{
		Config: &section.Config, Control: control, Sandbox: "native",
		Scratch: shimapi.Scratch, Explain: explain,
		DiskPlaces: func() disk.Places { return diskPlaces(config, group) },
		Steps: []supervise.Step{
			func(a *supervise.Attempt) (undo supervise.Undo, err error) {
				group, undo, err = makeGroup(a)
				return undo, err
			},
			func(a *supervise.Attempt) (supervise.Undo, error) { return holdDisk(a, section) },
			func(*supervise.Attempt) (supervise.Undo, error) {
				undo, err := mountRootfs(config.OCI.Root.Path, section.Rootfs)
				failpoint.At(failpoint.RootfsMounted)
				return undo, err
			},
			func(a *supervise.Attempt) (supervise.Undo, error) {
				a.ShmUsed = func() int64 { return supervise.ShmUsed(section.ShmDir) }
				undo, err := mountShm(section.ShmDir, section.Spec.Limits.ShmSize)
				failpoint.At(failpoint.ShmMounted)
				return undo, err
			},
			func(a *supervise.Attempt) (supervise.Undo, error) { return startBox(a, config, group) },
		},
	}
}

// makeGroup makes the attempt's cgroup, which is its witness.
func makeGroup(a *supervise.Attempt) (*cgroup.Group, supervise.Undo, error) {
	h, err := cgroup.Detect()
	if err != nil {
		return nil, nil, err
	}
	h.Base, h.Owned = a.Config.CgroupBase, a.Config.CgroupOwned
	kernel := supervise.NewKernel()
	base, err := h.HoldBase(filepath.Join(filepath.Dir(a.Config.Lease), wire.BaseLock))
	if err != nil {
		return nil, nil, err
	}
	group, err := h.Create(a.Config.Cgroup, a.Config.Spec.Limits)
	if err != nil {
		return nil, base.Release, err
	}
	failpoint.At(failpoint.CgroupMade)
	kernel.Own(h, group)
	a.Witness, a.Group = kernel, group.GroupState(a.Config.Spec.Limits.GroupKill)
	return group, func() error {
		err := errors.Join(group.Remove(), base.Release())
		kernel.Release()
		return err
	}, nil
}

func startBox(a *supervise.Attempt, config *shimapi.Config, group *cgroup.Group) (supervise.Undo, error) {
	box, err := createBox(config, group)
	if err != nil {
		return nil, err
	}
	failpoint.At(failpoint.ContainerCreated)
	a.Box = box
	err = box.start(&a.Output, a.Control.Input)
	failpoint.At(failpoint.ContainerStarted)
	return box.destroy, err
}

// errInitKilled stands for an end of the runtime's own process before it
// became the program.
var errInitKilled = errors.New("the container ended before the program ran")

// explain says why the program never ran.
func explain(err error) sandbox.StartError {
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		return sandbox.StartError{Reason: sandbox.StartRuntime, Message: e.What, Remedy: e.Remedy}
	}
	return sandbox.StartError{Reason: classifyStart(err), Message: startMessage(err.Error())}
}

// classifyStart sorts a failed start. The program's own execve has a number;
// the runtime's errors cross a process border as text, which never holds the
// program's name: the words are libcontainer's (process_linux.go).
func classifyStart(err error) sandbox.StartReason {
	var failed *execError
	if errors.As(err, &failed) {
		switch failed.errno {
		case unix.ENOENT:
			return sandbox.StartNotFound
		case unix.EPROTO, unix.ENOMEM:
			return sandbox.StartRuntime
		}
		return sandbox.StartNotExecutable
	}
	for _, words := range []string{"memory limit too low", "unable to set memory limit"} {
		if strings.Contains(err.Error(), words) {
			return sandbox.StartLimitTooLow
		}
	}
	return sandbox.StartRuntime
}

// startMessage drops the runtime's outer words.
func startMessage(text string) string {
	_, inner, ok := strings.Cut(text, "error during container init: ")
	if ok {
		text = inner
	}
	return strings.TrimSpace(text)
}
