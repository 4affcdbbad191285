// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
)

// Codes of failures that a parent sees, as an exception's code. The SDK turns
// a user's failure whose code contains "OOM", in whatever case, into an
// OOMError, and has words of that kind for others (flyte-sdk
// _internal/runtime/convert.py); so every code here is chosen for what it does
// not contain, too.
const (
	codeOOM             = "OOMKilled"
	codeError           = "Error" // a program's own failure without a document, as a cluster calls it
	codeMaxRuntime      = "MAX_RUNTIME_EXCEEDED"
	codeInterrupted     = "Interrupted"
	codeMachineMemory   = "MachineMemoryExhausted"
	codeHostMemory      = "HostOutOfMemory"
	codeSharedMemory    = "SharedMemoryExhausted"
	codeHugepages       = "HugepageLimit"
	codeUnkillable      = "UnkillableAtMemoryLimit"
	codeEvicted         = "Evicted"
	codeDiskFull        = "DiskFull"
	codeHostDiskFull    = "HostDiskFull"
	codeLimitTooLow     = "MemoryLimitTooLow"
	codeStart           = "StartError"
	codeUnknown         = "UnknownEnd"
	codeRefused         = "Unschedulable"
	codeInternal        = "DrydockError"
	codeBadTask         = "BadTaskSpecification"
	codeNoAccelerator   = "AcceleratorNotAvailable"
	codeNoAppleSilicon  = "APPLE_SILICON_NOT_AVAILABLE"
	codeSecret          = "SecretNotFound"
	codePython          = "PythonNotFound"
	codeProgram         = "ProgramNotFound"
	codeOutputsNotFound = "OutputsNotFound"
	codeErrorFileUnread = "ErrorFileBadFormat" // as the backend calls it
	codeStorage         = "StorageError"
	codeBadOutput       = "BadOutput"
	codeEngine          = "ContainerEngineError"
	codeImageName       = "ContainersNotReady|InvalidImageName" // as the backend has both of these
	codeImagePull       = "ContainersNotReady|ImagePullBackOff"
)

// refusal is why an action cannot run here, told before anything is started.
// Trying again does not help.
type refusal struct {
	kind    core.ExecutionError_ErrorKind
	code    string
	message string // one sentence that ends with what to do
}

func (r *refusal) Error() string { return r.message }

// refuse is a refusal for which the task has to change.
func refuse(code, format string, args ...any) *refusal {
	return &refusal{kind: core.ExecutionError_USER, code: code, message: fmt.Sprintf(format, args...)}
}

// unable is a refusal for which drydock's own set-up has to change.
func unable(code, format string, args ...any) *refusal {
	return &refusal{kind: core.ExecutionError_SYSTEM, code: code, message: fmt.Sprintf(format, args...)}
}

// notStarted is the end of an attempt that came to nothing: for good after a
// refusal; anything else that goes wrong on the way may not do so again.
func notStarted(err error, notes []string) engine.End {
	var r *refusal
	if errors.As(err, &r) {
		return failed(r.kind, r.code, r.message, engine.RetryNever, notes)
	}
	return failed(core.ExecutionError_SYSTEM, codeInternal, err.Error(), engine.RetrySystem, notes)
}

// failed is a failure.
func failed(kind core.ExecutionError_ErrorKind, code, message string, retry engine.Retryable, notes []string) engine.End {
	e := &core.ExecutionError{
		Kind: kind, Code: code, Message: shorten(message, maxMessage),
		Recoverability: core.ContainerError_NON_RECOVERABLE, Timestamp: timestamppb.Now(),
	}
	if retry != engine.RetryNever {
		e.Recoverability = core.ContainerError_RECOVERABLE
	}
	return engine.End{Phase: common.ActionPhase_ACTION_PHASE_FAILED, Error: e, Retry: retry, Notes: notes}
}
