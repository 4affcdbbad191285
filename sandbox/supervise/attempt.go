// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/disk"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/supervise/wire"
)

// Attempt is one try of a task, from its set-up to its outcome. One goroutine
// (the one that calls Run) owns all of its fields; the others only send on
// channels.
type Attempt struct {
	Config  *wire.Config
	Control *Control
	Sandbox string // its name in the outcome
	// Steps set the attempt up, in order, up to the last moment before the
	// program runs. One that succeeds has made Box, another Witness, before.
	Steps []Step
	// Scratch are the entries of the attempt's directory that do not outlive it.
	Scratch []string
	// Explain says why the program never ran; nil: StartRuntime, in err's words.
	Explain func(err error) sandbox.StartError

	// What the steps make; nil until then.
	Box     Box
	Witness Witness
	// Group is how a group kill is had, if one is asked for.
	Group sandbox.GroupKill
	// ShmUsed reads how many bytes of the attempt's /dev/shm are taken; nil: it
	// cannot be told. It is called from another goroutine, also after the end.
	ShmUsed func() int64
	// DiskPlaces are the writable layers and the processes to look at for the
	// limit on the disk; nil: it is not held. It is called from another
	// goroutine once the program runs, and when it has ended.
	DiskPlaces func() disk.Places
	// Holds are what stops a write at the limit on the disk, and HeldWork where
	// the task's own directory lies if it is in one of them.
	Holds    []*hard.Hold
	HeldWork string
	// HostDirs are directories of the machine's own that the attempt writes to
	// beside those that its Spec names.
	HostDirs []string
	Output   Output

	Outcome sandbox.Outcome

	exited  <-chan struct{} // the Box's, once the program may run
	watcher watcher
	disk    diskWatch
	rooms   roomWatch
	stopper stopper
}

// Step is a part of the set-up. Its undo, if not nil, takes it back after the
// counters were read, also when the step failed.
type Step func(a *Attempt) (undo Undo, err error)

// Undo takes a step back.
type Undo func() error

// Box is the container of an attempt. Its methods are called by the goroutine
// of Run alone.
type Box interface {
	// PID is the main process's on this machine; 0: it has none here, or none
	// before Exec has delivered.
	PID() int
	// Exec lets the program run and delivers, once, what came of it.
	Exec() <-chan ExecResult
	// Exited is closed when the main process has ended.
	Exited() <-chan struct{}
	// Reap returns how it ended; nil: not known. It is called once, after
	// Exited, and when the OOM counters had a last look.
	Reap() *sandbox.Exit
	// Signal sends a signal to the main process. It does not wait.
	Signal(sig unix.Signal)
	// Resize tells the terminal, if there is one, its size.
	Resize(size sandbox.TerminalSize)
}

// ExecResult is what came of the program's execve, and when.
type ExecResult struct {
	At  time.Time
	Err error // nil: the program runs
}

// drainPatience is how long the outcome waits for the end of the output. The
// output itself is waited for as long as drydock reads it.
const drainPatience = time.Second

// Run takes the attempt from its configuration to its outcome. An error means
// that the outcome could not be written; everything else is in the outcome.
func (a *Attempt) Run() error {
	a.Outcome = sandbox.Outcome{
		Version: sandbox.OutcomeVersion,
		Sandbox: a.Sandbox,
		Cores:   runtime.NumCPU(),
		Memory:  sandbox.Memory{Limit: a.Config.Spec.Limits.Memory},
		Limits:  a.Config.Enforcement,
	}
	a.Output.log = openLog(filepath.Join(a.Config.Dir, wire.LogFile), a.Config.Spec.Log)
	_ = wire.ReserveOutcome(a.Config.Dir) // without, the outcome may not be kept: see writeErr below

	undos, err := a.setUp()
	if err == nil {
		a.supervise()
	} else {
		a.startFailed(err)
		a.Output.closeUnused()
	}
	a.settle()
	failpoint.At(failpoint.Settled)
	torn := tearDown(undos)
	failpoint.At(failpoint.TornDown)
	err = torn
	if !a.Output.drained(drainPatience) {
		err = errors.Join(err, a.writeOutcome()) // now, should we be killed while a slow reader holds us up
		a.Output.pumps.Wait()
	}
	a.Outcome.LogError = a.Output.log.close()
	a.Outcome.Tail = a.Output.tail.String()
	last := a.Outcome
	a.Control.sendLast(wire.Report{Outcome: &last})
	// The outcome comes before the clean-up, unless the disk is full: then the
	// layer that may have filled it goes first.
	writeErr := a.writeOutcome()
	failpoint.At(failpoint.OutcomeWritten)
	err = errors.Join(err, a.removeScratch(), a.removeLease(torn))
	if writeErr != nil {
		writeErr = a.writeOutcome()
	}
	if writeErr == nil {
		_ = os.Remove(filepath.Join(a.Config.Dir, wire.ControlFile)) // who has come stays connected
	}
	return errors.Join(err, writeErr)
}

// Hold makes the directory top of the attempt's, which takes no more than its
// limit on the disk. It is for a Step.
func (a *Attempt) Hold(way hard.Way, top string) (*hard.Hold, Undo, error) {
	h, err := hard.Make(way, top, a.Config.Spec.Limits.Disk)
	if err != nil {
		return nil, nil, err
	}
	a.Holds = append(a.Holds, h)
	return h, h.Release, nil
}

// setUp takes the steps up to the program's execve. The undos take them back
// in reverse order, after the counters were read.
func (a *Attempt) setUp() (undos []Undo, err error) {
	for _, step := range a.Steps {
		undo, err := step(a)
		if undo != nil {
			undos = append(undos, undo)
		}
		if err != nil {
			return undos, err
		}
	}
	return undos, nil
}

// tearDown takes the set-up back, newest first.
func tearDown(undos []Undo) error {
	var errs []error
	for i := len(undos) - 1; i >= 0; i-- {
		errs = append(errs, undos[i]())
	}
	return errors.Join(errs...)
}

// removeScratch deletes the private layers; what the program wrote into its
// layer is gone with the attempt, as a container's layer is.
func (a *Attempt) removeScratch() error {
	var errs []error
	for _, name := range a.Scratch {
		errs = append(errs, os.RemoveAll(filepath.Join(a.Config.Dir, name)))
	}
	failpoint.At(failpoint.ScratchRemoved)
	return errors.Join(errs...)
}

// removeLease deletes the lease, unless something of the set-up could not be
// taken back: then whoever cleans next tries again.
func (a *Attempt) removeLease(torn error) error {
	if torn != nil {
		return nil
	}
	err := os.Remove(a.Config.Lease)
	failpoint.At(failpoint.LeaseRemoved)
	return err
}

func (a *Attempt) writeOutcome() error {
	a.Outcome.Tail = a.Output.tail.String()
	return wire.WriteOutcome(a.Config.Dir, a.Outcome)
}

// startFailed records why the program never ran.
func (a *Attempt) startFailed(err error) {
	if a.Outcome.StartError != nil {
		return
	}
	failed := sandbox.StartError{Reason: sandbox.StartRuntime, Message: err.Error()}
	if a.Explain != nil {
		failed = a.Explain(err)
	}
	a.Outcome.StartError = &failed
}

// settle takes the last facts, after the main process was reaped and before
// the set-up is taken back.
func (a *Attempt) settle() {
	if a.Witness == nil {
		return
	}
	o := &a.Outcome
	if a.ShmUsed != nil {
		used := a.ShmUsed()
		o.Shm = &sandbox.Shm{Size: a.Config.Spec.Limits.ShmSize, Used: used, Peak: max(used, a.watcher.shmPeak())}
	}
	a.disk.settle(a)
	a.rooms.settle(a)
	o.Pids.Limit = a.Config.Spec.Limits.Pids
	a.Witness.Settle(o)
	if c := o.Counters; c != nil {
		c.Group = sandbox.GroupNo
		if a.Config.Spec.Limits.GroupKill {
			c.Group = a.Group
		}
		a.oomAtStart()
		if c.OOMKill > 0 && o.StartError == nil {
			a.watcher.kills = c.OOMKill
			a.tellKill(time.Now())
		}
	}
}

// tellKill gives the first OOM kill its time and tells those who follow.
func (a *Attempt) tellKill(at time.Time) {
	if !a.Outcome.KillSeenAt.IsZero() {
		return
	}
	a.Outcome.KillSeenAt = at
	event := sandbox.OOMEvent{Kills: a.watcher.kills}
	if len(a.Outcome.Victims) > 0 {
		event.Victim = &a.Outcome.Victims[0]
	}
	a.Control.event(sandbox.Event{Time: a.Outcome.KillSeenAt, OOM: &event})
}

// oomAtStart tells a limit below the runtime's own need from other failed starts.
func (a *Attempt) oomAtStart() {
	if e := a.Outcome.StartError; e != nil && e.Reason == sandbox.StartRuntime && a.Outcome.Counters.OOMKill > 0 {
		e.OOM, e.Reason = true, sandbox.StartLimitTooLow
	}
}
