// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"io/fs"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/resources"
	"drydock/sandbox"
)

// evidence is all that an attempt's end is told by.
type evidence struct {
	result   *executor.Result // never nil
	err      error            // Run's or Adopt's
	left     left             // in the storage
	order    engine.Order
	notes    []string // so far
	program  bool     // it was the SDK's own program that ran
	adopted  bool     // for some time of its life no drydock was up
	python   string   // the interpreter; "": not known, or the image's
	image    string   // that it ran in; "": this machine's own root file system
	reached  bool     // some task of its run has reached the endpoint
	endpoint string   // where that was, from inside
	name     string   // by which the run's tasks know it; nobody else is told. "": none
	raw      error    // why the outputs of a raw container are not to be had
	profile  string   // the cluster profile's name
	capacity executor.Capacity
}

// conclude says what an attempt's end means. It looks at nothing but e.
//
// What the kernel and drydock itself did comes first: a memory kill is one
// also where the program went on and told of a failure of its own, or of none
// (the backend's pod_helper.go does the same). Then the failure that the SDK's
// runtime wrote down, whatever the exit code: it exits with 0 after an
// exception of the user's. Then the exit, and last the outputs.
func conclude(e evidence) engine.End {
	end := e.meaning()
	end.HasReport = e.left.report
	end.Limits = e.result.Limits
	if last := e.last(); last != nil {
		end.Started = last.StartedAt
		end.Result = e.result
	}
	if what := usedImage(e.result); what != "" {
		end.Notes = withNote(end.Notes, what)
	}
	for _, w := range e.result.Warnings {
		end.Notes = withNote(end.Notes, inPython(w.Text))
	}
	if end.Error != nil && e.name != "" { // programs print where they could not connect to
		end.Error.Message = strings.ReplaceAll(end.Error.Message, e.name, "drydock")
	}
	if end.Error != nil && !e.result.EndedAt.IsZero() {
		end.Error.Timestamp = timestamppb.New(e.result.EndedAt)
	}
	return end
}

func (e evidence) meaning() engine.End {
	v := e.result.Verdict
	switch v.Class {
	case executor.Aborted:
		return engine.End{Phase: common.ActionPhase_ACTION_PHASE_ABORTED, Notes: e.notes}
	case executor.Timeout:
		return e.timedOut()
	case executor.OOM:
		return e.user(codeOOM, e.oomMessage(), engine.RetryUser)
	case executor.MachineMemory:
		return e.system(machineCode(v), e.sentence(), engine.RetrySystem)
	case executor.Evicted:
		return e.user(codeEvicted, e.sentence(), engine.RetryUser)
	}
	if end, ok := e.noImage(); ok {
		return end
	}
	switch {
	case e.raw != nil && v.Class != executor.StartFailed:
		return e.rawFailed()
	case e.outage():
		return e.system(codeStorage, "the task gave up on drydock's object storage while no drydock was up", engine.RetrySystem)
	case e.left.failure != nil:
		return e.told()
	case e.left.unread != nil:
		return e.system(codeErrorFileUnread, "the task failed, and its error document "+join(e.order.OutputURI, errorFile)+" cannot be read: "+e.left.unread.Error(), engine.RetrySystem)
	case e.last() != nil && e.left.lost != nil:
		return e.system(codeStorage, "what the task left cannot be read: "+e.left.lost.Error(), engine.RetrySystem)
	}
	switch v.Class {
	case executor.Succeeded:
		return e.succeeded()
	case executor.Failed:
		if v.Code == executor.CodeHostDiskFull {
			return e.system(codeHostDiskFull, e.failedMessage(), engine.RetrySystem)
		}
		return e.user(failedCode(v), e.failedMessage(), engine.RetryUser)
	case executor.Shm:
		return e.user(codeSharedMemory, e.failedMessage(), engine.RetryUser)
	case executor.Interrupted:
		return e.system(codeInterrupted, e.failedMessage(), engine.RetrySystem)
	case executor.StartFailed:
		return e.startFailed()
	case executor.Refused:
		return e.refused()
	case executor.Unknown:
		return e.system(codeUnknown, e.sentence(), engine.RetrySystem)
	}
	return e.system(codeInternal, "drydock itself failed: "+v.Message, engine.RetrySystem)
}

// last is the attempt that the executor made, or nil.
func (e evidence) last() *executor.Attempt {
	if n := len(e.result.Attempts); n > 0 {
		return &e.result.Attempts[n-1]
	}
	return nil
}

func (e evidence) user(code, message string, retry engine.Retryable) engine.End {
	return failed(core.ExecutionError_USER, code, message, retry, e.notes)
}

func (e evidence) system(code, message string, retry engine.Retryable) engine.End {
	return failed(core.ExecutionError_SYSTEM, code, message, retry, e.notes)
}

func (e evidence) timedOut() engine.End {
	end := e.user(codeMaxRuntime, e.sentence(), engine.RetryUser)
	end.Phase = common.ActionPhase_ACTION_PHASE_TIMED_OUT
	return end
}

// told is the failure that the SDK's runtime wrote down. Code and message are
// the program's own, for the parent to catch; what drydock has to add goes
// into the notes. Only what is not installed is explained in place: it is the
// first thing to go wrong where an image is not used, or is a new one.
func (e evidence) told() engine.End {
	f := e.left.failure
	retry := engine.RetryUser
	switch {
	case f.GetKind() == core.ContainerError_NON_RECOVERABLE:
		retry = engine.RetryNever
	case f.GetOrigin() == core.ExecutionError_SYSTEM:
		retry = engine.RetrySystem
	}
	notes := e.notes
	for _, hint := range e.suspicions() {
		notes = withNote(notes, hint)
	}
	end := failed(f.GetOrigin(), f.GetCode(), f.GetMessage()+e.missing(), retry, notes)
	end.Error.Recoverability = f.GetKind()
	end.Error.ErrorUri = join(e.order.OutputURI, errorFile)
	return end
}

// suspicions are what the kernel's facts say about a failure that a program
// told of itself, with exit code 0: /dev/shm or a disk that was full, threads that it
// was refused.
func (e evidence) suspicions() []string {
	last := e.last()
	if last == nil || last.Outcome.Exit == nil || last.Outcome.Counters == nil {
		return nil
	}
	o := last.Outcome
	o.Exit = &sandbox.Exit{Code: 1} // as it would have ended without the SDK
	o.Tail += "\n" + e.left.failure.GetMessage()
	v := executor.Judge(o, executor.JudgeOptions{Asked: e.result.Task.Resources, MaxMemory: e.capacity.Memory})
	switch {
	case v.Class == executor.Shm, v.Code == executor.CodeDiskFull, v.Code == executor.CodeHostDiskFull:
		return append([]string{v.Message}, hints(v)...)
	case v.Class == executor.Failed:
		return hints(v)
	}
	return nil
}

func (e evidence) succeeded() engine.End {
	t := e.order.Action.Task.GetSpec().GetTaskTemplate()
	if !e.left.outputs && hasOutputs(t) {
		return e.system(codeOutputsNotFound, "the task ended with exit code 0, but left no outputs at "+join(e.order.OutputURI, outputsFile)+
			"; look into its log for errors of the storage"+e.tail(), engine.RetrySystem)
	}
	notes := e.notes
	for _, hint := range hints(e.result.Verdict) {
		notes = withNote(notes, hint)
	}
	return engine.End{Phase: common.ActionPhase_ACTION_PHASE_SUCCEEDED, Notes: notes}
}

// machineCode tells whether the whole machine was short of memory, or what
// drydock may use of it. Neither says OOM: more memory for the task does not
// help.
func machineCode(v executor.Verdict) string {
	if v.Code == executor.CodeHostOutOfMemory {
		return codeHostMemory
	}
	return codeMachineMemory
}

// failedCode is a failed program's code. A process that no OOM killer may end
// gets none with OOM in it, although the limit was its own: nothing was killed
// for memory, a cluster would let the pod hang, and more memory, which is what
// a parent that catches OOMError tries, cures no such program.
func failedCode(v executor.Verdict) string {
	switch v.Code {
	case executor.CodeUnkillableOOM:
		return codeUnkillable
	case executor.CodeHugepageLimit:
		return codeHugepages
	case executor.CodeDiskFull:
		return codeDiskFull
	}
	return codeError
}

func (e evidence) startFailed() engine.End {
	message := e.sentence()
	if s := e.last().Outcome.StartError; s != nil && e.result.Verdict.Code != executor.CodeMemoryLimitTooLow {
		switch s.Reason {
		case sandbox.StartNotFound, sandbox.StartNotExecutable:
			switch {
			case e.image != "":
				message = e.lacks(s) + " (" + s.Message + ")"
			case e.program:
				message += "; the Python that drydock runs tasks with may have been moved or removed: install flyte again there, or name another one with --python"
			}
		default: // the set-up failed, and may not the next time
			if wrongProcessor(s.Message) {
				return e.user(codeStart, message+e.otherProcessor(), engine.RetryNever)
			}
			return e.system(codeStart, message, engine.RetrySystem)
		}
	}
	if e.result.Verdict.Code == executor.CodeMemoryLimitTooLow {
		return e.user(codeLimitTooLow, message, engine.RetryNever)
	}
	return e.user(codeStart, message, engine.RetryNever)
}

// refused is a task that the executor would not start. Where it is the task
// that has to change, the user is told; everything else is for whoever set
// drydock up.
func (e evidence) refused() engine.End {
	_, unsupported := errors.AsType[*sandbox.UnsupportedError](e.err)
	_, unfit := errors.AsType[*sandbox.SpecError](e.err)
	switch {
	case e.result.Verdict.Code == executor.CodeAcceleratorNotAvailable:
		return e.noAccelerator()
	case errors.Is(e.err, fs.ErrExist): // the id is in use; another one will do
		return e.system(codeInternal, e.sentence(), engine.RetrySystem)
	case e.image != "" && unsupported: // the engine was there when drydock up began
		return e.system(codeEngine, e.sentence(), engine.RetrySystem)
	case e.image != "" && unfit:
		return e.user(codeBadTask, e.sentence(), engine.RetryNever)
	case errors.Is(e.err, executor.ErrInUse), unsupported, unfit:
		return e.system(codeInternal, e.sentence(), engine.RetryNever)
	}
	_, field := errors.AsType[*resources.FieldError](e.err)
	if _, sdk := errors.AsType[*resources.SDKError](e.err); field || sdk {
		return e.user(codeBadTask, e.refusedMessage(), engine.RetryNever)
	}
	return e.user(codeRefused, e.refusedMessage(), engine.RetryNever)
}
