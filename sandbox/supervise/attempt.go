// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/native/shimapi"
)

// attempt is one try of a task, from its set-up to its outcome. One goroutine
// (the main one) owns all of its fields; the others only send on channels.
type attempt struct {
	config  *shimapi.Config
	control *control

	hierarchy cgroup.Hierarchy
	group     *cgroup.Group
	kernlog   *cgroup.KernelLog
	ancestors *cgroup.Ancestors
	hostKills int64

	out     output
	box     *box // the container; nil until it was started
	watcher watcher
	stopper stopper

	outcome sandbox.Outcome
}

// drainPatience is how long the outcome waits for the end of the output. The
// output itself is waited for as long as drydock reads it.
const drainPatience = time.Second

// run takes the attempt from its configuration to its outcome. An error means
// that the outcome could not be written; everything else is in the outcome.
func (a *attempt) run() error {
	section := &a.config.Drydock
	a.outcome = sandbox.Outcome{
		Version: sandbox.OutcomeVersion,
		Sandbox: "native",
		Cores:   runtime.NumCPU(),
		Memory:  sandbox.Memory{Limit: section.Spec.Limits.Memory},
		Limits:  section.Enforcement,
	}
	a.out.log = openLog(filepath.Join(section.Dir, shimapi.LogFile))

	undos, err := a.setUp()
	if err == nil {
		a.supervise()
	} else {
		a.startFailed(err)
		a.closeStreams()
	}
	a.readCounters()
	err = a.tearDown(undos)
	if !a.out.drained(drainPatience) {
		err = errors.Join(err, a.writeOutcome()) // now, should we be killed while a slow reader holds us up
		a.out.pumps.Wait()
	}
	a.outcome.LogError = a.out.log.close()
	a.outcome.Tail = a.out.tail.String()
	last := a.outcome
	a.control.sendLast(shimapi.Report{Outcome: &last})
	// The outcome comes before the clean-up, unless the disk is full: then the
	// layer that may have filled it goes first.
	writeErr := a.writeOutcome()
	err = errors.Join(err, removeScratch(section))
	if writeErr != nil {
		writeErr = a.writeOutcome()
	}
	if writeErr == nil {
		_ = os.Remove(filepath.Join(section.Dir, shimapi.ControlFile)) // who has come stays connected
	}
	return errors.Join(err, writeErr)
}

// closeStreams ends the streams of an attempt that never used them.
func (a *attempt) closeStreams() {
	if a.box != nil {
		return
	}
	for _, fd := range []uintptr{shimapi.StdinFD, shimapi.StdoutFD, shimapi.StderrFD} {
		os.NewFile(fd, "unused").Close()
	}
}

// setUp prepares everything up to the program's execve. The undos take it
// back in reverse order, after the counters were read.
func (a *attempt) setUp() (undos []undo, err error) {
	section := &a.config.Drydock
	if a.hierarchy, err = cgroup.Detect(); err != nil {
		return nil, err
	}
	a.hierarchy.Base, a.hierarchy.Owned = section.CgroupBase, section.CgroupOwned
	a.kernlog = cgroup.OpenKernelLog()
	a.hostKills = cgroup.HostOOMKills()
	steps := []func() (undo, error){
		a.makeGroup,
		func() (undo, error) { return mountRootfs(a.config.OCI.Root.Path, section.Rootfs) },
		func() (undo, error) { return mountShm(section.ShmDir, section.Spec.Limits.ShmSize) },
		a.startBox,
	}
	for _, step := range steps {
		u, err := step()
		if u != nil {
			undos = append(undos, u)
		}
		if err != nil {
			return undos, err
		}
	}
	return undos, nil
}

func (a *attempt) makeGroup() (undo, error) {
	base, err := a.hierarchy.HoldBase(filepath.Join(filepath.Dir(a.config.Drydock.Lease), shimapi.BaseLock))
	if err != nil {
		return nil, err
	}
	group, err := a.hierarchy.Create(a.config.Drydock.Cgroup, a.config.Drydock.Spec.Limits)
	if err != nil {
		return base.Release, err
	}
	a.group = group
	a.ancestors = group.Ancestors()
	return func() error { return errors.Join(group.Remove(), base.Release()) }, nil
}

func (a *attempt) startBox() (undo, error) {
	box, err := createBox(a.config, a.group)
	if err != nil {
		return nil, err
	}
	a.box = box
	err = box.start(&a.out)
	return box.destroy, err
}

// tearDown takes the set-up back, newest first.
func (a *attempt) tearDown(undos []undo) error {
	var errs []error
	for i := len(undos) - 1; i >= 0; i-- {
		errs = append(errs, undos[i]())
	}
	a.ancestors.Close()
	if a.kernlog != nil {
		a.kernlog.Close()
	}
	return errors.Join(errs...)
}

// removeScratch deletes the private layers and the lease; what the program
// wrote into its layer is gone with the attempt, as a container's layer is.
func removeScratch(section *shimapi.Section) error {
	var errs []error
	for _, name := range shimapi.Scratch {
		errs = append(errs, os.RemoveAll(filepath.Join(section.Dir, name)))
	}
	return errors.Join(append(errs, os.Remove(section.Lease))...)
}

// writeOutcome writes the document under a temporary name first: a reader
// sees all of it or nothing.
func (a *attempt) writeOutcome() error {
	a.outcome.Tail = a.out.tail.String()
	path := filepath.Join(a.config.Drydock.Dir, shimapi.OutcomeFile)
	data, err := json.MarshalIndent(a.outcome, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
