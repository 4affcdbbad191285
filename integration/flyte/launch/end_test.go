// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/resources"
	"drydock/sandbox"
)

const (
	succeeded = common.ActionPhase_ACTION_PHASE_SUCCEEDED
	failing   = common.ActionPhase_ACTION_PHASE_FAILED
	timedOut  = common.ActionPhase_ACTION_PHASE_TIMED_OUT
	aborted   = common.ActionPhase_ACTION_PHASE_ABORTED

	user    = core.ExecutionError_USER
	system  = core.ExecutionError_SYSTEM
	unknown = core.ExecutionError_UNKNOWN

	mib = 1 << 20
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ended are the facts of a program that ended; change may add to them.
func ended(code int, signal string, change func(*sandbox.Outcome)) sandbox.Outcome {
	o := sandbox.Outcome{
		StartedAt: began, EndedAt: began.Add(2 * time.Second), Exit: &sandbox.Exit{Code: code, Signal: signal},
		Counters: &sandbox.Counters{CgroupVersion: 2, Group: sandbox.GroupEnforced},
		Memory:   sandbox.Memory{Limit: 250 * mib, Peak: 100 * mib},
	}
	if change != nil {
		change(&o)
	}
	return o
}

// killed adds an out-of-memory kill of the task's own.
func killed(main bool) func(*sandbox.Outcome) {
	return func(o *sandbox.Outcome) {
		o.Counters.OOMKill, o.Counters.OOM = 1, 1
		o.KillSeenAt = began.Add(time.Second)
		o.Memory.Peak = o.Memory.Limit
		o.Victims = []sandbox.Victim{{PID: 7, Name: "python3", RSS: 240 * mib, Main: main}}
	}
}

func stoppedFor(reason sandbox.StopReason) func(*sandbox.Outcome) {
	return func(o *sandbox.Outcome) {
		o.Stops = []sandbox.Stop{{Reason: reason, Signal: "SIGTERM", Time: began.Add(time.Second)}}
	}
}

// fullDisk is a task whose own disk was full, and fullHostDisk one on a machine
// whose was.
func fullDisk(o *sandbox.Outcome) {
	o.Disk = &sandbox.Disk{Limit: 64 * mib, Hard: []sandbox.HardDisk{{Size: 64 * mib, Peak: 64 * mib}}}
}

func fullHostDisk(o *sandbox.Outcome) {
	o.Tail = "No space left on device"
	o.FullDisks = []sandbox.FullDisk{{Path: "/var/lib/drydock", Size: 1 << 30}}
}

// judged is the evidence of an attempt with these facts.
func judged(t testing.TB, o sandbox.Outcome, l left) evidence {
	asked := resources.Resources{CPU: resources.Of("1"), Memory: resources.Of("250Mi")}
	d, _, err := asked.Complete(resources.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	v := executor.Judge(o, executor.JudgeOptions{Asked: asked, MaxMemory: 16 << 30, Program: "a0", Timeout: 10 * time.Second})
	return evidence{
		result: &executor.Result{
			Verdict: v, Task: executor.Task{Resources: asked}, EndedAt: o.EndedAt,
			Attempts: []executor.Attempt{{Number: 1, Demand: d, StartedAt: o.StartedAt, EndedAt: o.EndedAt, Outcome: o, Verdict: v}},
		},
		left: l, order: order(t, withOutput(taskOf("a0"))), program: true, capacity: executor.Capacity{Memory: 16 << 30},
	}
}

// document is an error.pb of the SDK's runtime.
func document(kind core.ContainerError_Kind, origin core.ExecutionError_ErrorKind, code string) left {
	return left{failure: &core.ContainerError{Kind: kind, Origin: origin, Code: code, Message: "it is " + code}}
}

// The rows of flyte-protocol §3.6 (outcome rules) and §5.1 to §5.3, and of
// the verdict table (limits-and-oom §3.4).
func TestConclude(t *testing.T) {
	const recoverable, final = core.ContainerError_RECOVERABLE, core.ContainerError_NON_RECOVERABLE
	value := document(recoverable, user, "ValueError")
	written := left{outputs: true}
	shm := func(o *sandbox.Outcome) {
		o.Shm = &sandbox.Shm{Size: 64 * mib, Peak: 64 * mib}
		o.Tail = "OSError: [Errno 28] No space left on device"
	}
	start := func(reason sandbox.StartReason) sandbox.Outcome {
		return sandbox.Outcome{StartError: &sandbox.StartError{Reason: reason, Message: "it would not start"}, Memory: sandbox.Memory{Limit: 4 * mib}}
	}
	for _, tc := range []struct {
		name  string
		facts sandbox.Outcome
		left  left
		phase common.ActionPhase
		kind  core.ExecutionError_ErrorKind
		code  string
		retry engine.Retryable
		words []string // of the message
	}{
		{name: "outputs", facts: ended(0, "", nil), left: written, phase: succeeded},
		{name: "no outputs", facts: ended(0, "", func(o *sandbox.Outcome) { o.Tail = "put failed\n" }), left: left{}, phase: failing, kind: system, code: "OutputsNotFound", retry: engine.RetrySystem, words: []string{"outputs.pb", "put failed"}},
		{name: "exception, exit 0", facts: ended(0, "", nil), left: value, phase: failing, kind: user, code: "ValueError", retry: engine.RetryUser, words: []string{"it is ValueError"}},
		{name: "exception, outputs too", facts: ended(0, "", nil), left: left{failure: value.failure, outputs: true}, phase: failing, kind: user, code: "ValueError", retry: engine.RetryUser},
		{name: "load failure, exit 1", facts: ended(1, "", nil), left: document(recoverable, unknown, "ModuleNotFoundError"), phase: failing, kind: unknown, code: "ModuleNotFoundError", retry: engine.RetryUser},
		{name: "not recoverable", facts: ended(0, "", nil), left: document(final, user, "NonRecoverableError"), phase: failing, kind: user, code: "NonRecoverableError", retry: engine.RetryNever},
		{name: "the SDK's system error", facts: ended(0, "", nil), left: document(recoverable, system, "RuntimeSystemError"), phase: failing, kind: system, code: "RuntimeSystemError", retry: engine.RetrySystem},
		{name: "a child's OOM that went up", facts: ended(0, "", nil), left: document(recoverable, user, "OOMKilled"), phase: failing, kind: user, code: "OOMKilled", retry: engine.RetryUser, words: []string{"it is OOMKilled"}},
		{name: "document although killed", facts: ended(137, "SIGKILL", nil), left: value, phase: failing, kind: user, code: "ValueError", retry: engine.RetryUser},
		{name: "document unreadable", facts: ended(0, "", nil), left: left{unread: errors.New("bad wire format")}, phase: failing, kind: system, code: "ErrorFileBadFormat", retry: engine.RetrySystem, words: []string{"error.pb", "bad wire format"}},
		{name: "storage lost", facts: ended(0, "", nil), left: left{lost: errStorage}, phase: failing, kind: system, code: "StorageError", retry: engine.RetrySystem},

		{name: "OOM of main", facts: ended(137, "SIGKILL", killed(true)), phase: failing, kind: user, code: "OOMKilled", retry: engine.RetryUser,
			words: []string{"out of memory: python3 (pid 7)", "limit of 250 MiB", "the limit is the request, since no limit was asked for", "peak 250 MiB", "had 240 MiB", `try .override(resources=flyte.Resources(cpu=1, memory="500Mi"))`}},
		{name: "OOM of a child, exit 0", facts: ended(0, "", killed(false)), left: written, phase: failing, kind: user, code: "OOMKilled", retry: engine.RetryUser, words: []string{"the child process python3"}},
		{name: "OOM of a child, document", facts: ended(0, "", killed(false)), left: document(final, user, "BrokenProcessPool"), phase: failing, kind: user, code: "OOMKilled", retry: engine.RetryUser},
		{name: "OOM, storage lost", facts: ended(137, "SIGKILL", killed(true)), left: left{lost: errStorage}, phase: failing, kind: user, code: "OOMKilled", retry: engine.RetryUser},
		{name: "host OOM", facts: ended(137, "SIGKILL", func(o *sandbox.Outcome) { o.Counters.OOMKill = 1 }), phase: failing, kind: system, code: "HostOutOfMemory", retry: engine.RetrySystem},
		{name: "machine OOM, document", facts: ended(0, "", func(o *sandbox.Outcome) { o.Counters.OOMKill, o.Counters.AncestorOOM = 1, true }), left: value, phase: failing, kind: system, code: "MachineMemoryExhausted", retry: engine.RetrySystem},
		{name: "unkillable", facts: ended(137, "SIGKILL", func(o *sandbox.Outcome) { o.Counters.OOM = 3 }), phase: failing, kind: user, code: "UnkillableAtMemoryLimit", retry: engine.RetryUser, words: []string{"oom_score_adj"}},

		{name: "somebody's kill", facts: ended(137, "SIGKILL", nil), phase: failing, kind: system, code: "Interrupted", retry: engine.RetrySystem},
		{name: "exit 247", facts: ended(247, "", nil), phase: failing, kind: system, code: "Interrupted", retry: engine.RetrySystem},
		{name: "exit 3", facts: ended(3, "", func(o *sandbox.Outcome) { o.Tail = "one\ntwo\n" }), phase: failing, kind: user, code: "Error", retry: engine.RetryUser, words: []string{"exit code 3", "one\ntwo"}},
		{name: "signal", facts: ended(139, "SIGSEGV", nil), phase: failing, kind: user, code: "Error", retry: engine.RetryUser, words: []string{"SIGSEGV"}},
		{name: "exit 127", facts: ended(127, "", nil), phase: failing, kind: user, code: "Error", retry: engine.RetryUser, words: []string{"not found"}},
		{name: "refused allocation", facts: ended(1, "", func(o *sandbox.Outcome) { o.Tail = "MemoryError" }), phase: failing, kind: user, code: "Error", retry: engine.RetryUser, words: []string{"refused, not killed"}},
		{name: "shm", facts: ended(1, "", shm), phase: failing, kind: user, code: "SharedMemoryExhausted", retry: engine.RetryUser, words: []string{"64 MiB", `.override(resources=flyte.Resources(cpu=1, memory="250Mi", shm="auto"))`}},
		{name: "huge pages", facts: ended(135, "SIGBUS", func(o *sandbox.Outcome) { o.Hugetlb = 1 }), phase: failing, kind: user, code: "HugepageLimit", retry: engine.RetryUser},

		{name: "timeout", facts: ended(143, "SIGTERM", stoppedFor(sandbox.StopTimeout)), phase: timedOut, kind: user, code: "MAX_RUNTIME_EXCEEDED", retry: engine.RetryUser, words: []string{"10s", "timeout="}},
		{name: "timeout, document", facts: ended(143, "SIGTERM", stoppedFor(sandbox.StopTimeout)), left: value, phase: timedOut, kind: user, code: "MAX_RUNTIME_EXCEEDED", retry: engine.RetryUser},
		{name: "abort", facts: ended(143, "SIGTERM", stoppedFor(sandbox.StopAbort)), phase: aborted},
		{name: "its own disk full", facts: ended(1, "", fullDisk), phase: failing, kind: user, code: "DiskFull", retry: engine.RetryUser},
		{name: "the machine's disk full", facts: ended(1, "", fullHostDisk), phase: failing, kind: system, code: "HostDiskFull", retry: engine.RetrySystem},
		{name: "evicted", facts: ended(137, "SIGKILL", stoppedFor("evict")), phase: failing, kind: user, code: "Evicted", retry: engine.RetryUser},

		{name: "program missing", facts: start(sandbox.StartNotFound), phase: failing, kind: user, code: "StartError", retry: engine.RetryNever, words: []string{"install flyte again"}},
		{name: "program not executable", facts: start(sandbox.StartNotExecutable), phase: failing, kind: user, code: "StartError", retry: engine.RetryNever},
		{name: "set-up failed", facts: start(sandbox.StartRuntime), phase: failing, kind: system, code: "StartError", retry: engine.RetrySystem},
		{name: "limit too low", facts: start(sandbox.StartLimitTooLow), phase: failing, kind: user, code: "MemoryLimitTooLow", retry: engine.RetryNever, words: []string{"4 MiB", ".override("}},
		{name: "facts gone", facts: sandbox.Outcome{StartedAt: began}, phase: failing, kind: system, code: "UnknownEnd", retry: engine.RetrySystem},
		{name: "facts gone, document", facts: sandbox.Outcome{StartedAt: began}, left: value, phase: failing, kind: user, code: "ValueError", retry: engine.RetryUser},
		{name: "facts gone, outputs", facts: sandbox.Outcome{StartedAt: began}, left: written, phase: failing, kind: system, code: "UnknownEnd", retry: engine.RetrySystem},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := conclude(judged(t, tc.facts, tc.left))
			if end.Phase != tc.phase || end.Retry != tc.retry {
				t.Errorf("phase %s, retry %d; want %s, %d", end.Phase, end.Retry, tc.phase, tc.retry)
			}
			e := end.Error
			if (e != nil) != (tc.code != "") {
				t.Fatalf("error %v, want code %q", e, tc.code)
			}
			if e.GetKind() != tc.kind || e.GetCode() != tc.code {
				t.Errorf("%s %s, want %s %s", e.GetKind(), e.GetCode(), tc.kind, tc.code)
			}
			for _, w := range tc.words {
				if !strings.Contains(e.GetMessage(), w) {
					t.Errorf("the message does not say %q:\n%s", w, e.GetMessage())
				}
			}
			if strings.Contains(e.GetMessage(), "--") && !strings.Contains(e.GetMessage(), "--python") {
				t.Errorf("the message speaks of drydock run's flags:\n%s", e.GetMessage())
			}
			if want := tc.retry != engine.RetryNever || tc.left.failure != nil && tc.left.failure.Kind == recoverable; e != nil && (e.Recoverability == recoverable) != want {
				t.Errorf("recoverability %s", e.Recoverability)
			}
		})
	}
}

// A task without outputs need not write any.
func TestNoOutputsWanted(t *testing.T) {
	e := judged(t, ended(0, "", nil), left{report: true})
	e.order = order(t, taskOf("a0"))
	end := conclude(e)
	if end.Phase != succeeded || !end.HasReport || end.Started != began || end.Result == nil {
		t.Errorf("got %+v", end)
	}
}

// What was never started has no attempt.
func TestConcludeWithoutAttempt(t *testing.T) {
	refusal := func(err error) evidence {
		r := &executor.RefusedError{Reason: "the task asks for 64Gi memory, and this machine allocates at most 20Gi", Remedy: "ask for less: --memory 20Gi,64Gi", Err: err}
		return evidence{err: r, result: &executor.Result{Verdict: executor.Verdict{Class: executor.Refused, Kind: executor.KindUser, Message: r.Error()}}}
	}
	field := &resources.FieldError{Field: "memory", Value: "64", Reason: "64 bytes", Hint: "did you mean 64Mi?"}
	for _, tc := range []struct {
		name  string
		e     evidence
		phase common.ActionPhase
		kind  core.ExecutionError_ErrorKind
		code  string
		retry engine.Retryable
		words string
	}{
		{"never fits", refusal(nil), failing, user, "Unschedulable", engine.RetryNever, "at most 20Gi; ask for less, or"},
		{"bad value", refusal(field), failing, user, "BadTaskSpecification", engine.RetryNever, "64Gi"},
		{"unsupported", refusal(&sandbox.UnsupportedError{What: "no cgroup", Remedy: "mount it"}), failing, system, "DrydockError", engine.RetryNever, ""},
		{"mount", refusal(&sandbox.SpecError{Field: "mount", Reason: "gone"}), failing, system, "DrydockError", engine.RetryNever, ""},
		{"id taken", refusal(fs.ErrExist), failing, system, "DrydockError", engine.RetrySystem, ""},
		{"in use", refusal(executor.ErrInUse), failing, system, "DrydockError", engine.RetryNever, ""},
		{"aborted in the queue", evidence{result: &executor.Result{Verdict: executor.Verdict{Class: executor.Aborted}}}, aborted, 0, "", engine.RetryNever, ""},
		{"own failure", evidence{result: &executor.Result{Verdict: executor.Verdict{Class: executor.Error, Message: "no space left"}}}, failing, system, "DrydockError", engine.RetrySystem, "drydock itself failed: no space left"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := conclude(tc.e)
			if end.Phase != tc.phase || end.Retry != tc.retry || end.Error.GetKind() != tc.kind || end.Error.GetCode() != tc.code || !strings.Contains(end.Error.GetMessage(), tc.words) {
				t.Errorf("got %s, retry %d, %v", end.Phase, end.Retry, end.Error)
			}
			if end.Result != nil {
				t.Error("a result although nothing was started")
			}
		})
	}
}

// Only an out-of-memory of the task's own may become an OOMError, and no
// other code may be mistaken for one of those that the SDK looks for.
func TestCodesSayWhatTheyMean(t *testing.T) {
	for _, code := range []string{
		codeError, codeMaxRuntime, codeMachineMemory, codeHostMemory, codeSharedMemory, codeHugepages, codeUnkillable, codeEvicted, codeDiskFull, codeHostDiskFull, codeLimitTooLow,
		codeStart, codeRefused, codeInternal, codeBadTask, codeNoAccelerator, codeNoAppleSilicon, codeSecret, codePython, codeProgram,
		codeOutputsNotFound, codeErrorFileUnread, codeStorage, codeBadOutput, codeEngine,
	} {
		for _, word := range []string{"OOM", "INTERRUPTED", "PRIMARYCONTAINERNOTFOUND", "RETRIESEXHAUSTED", "UNKNOWN", "INVALIDIMAGENAME", "IMAGEPULLBACKOFF"} {
			if strings.Contains(strings.ToUpper(code), word) {
				t.Errorf("code %s contains %s", code, word)
			}
		}
	}
}

// The facts beside a failure that the program told of itself become notes.
func TestSuspicions(t *testing.T) {
	facts := ended(0, "", func(o *sandbox.Outcome) { o.Shm = &sandbox.Shm{Size: 64 * mib, Peak: 64 * mib} })
	l := document(core.ContainerError_RECOVERABLE, user, "RuntimeError")
	l.failure.Message = "DataLoader worker (pid 9) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory."
	end := conclude(judged(t, facts, l))
	if end.Error.Code != "RuntimeError" || end.Error.Message != l.failure.Message {
		t.Errorf("the program's own words were changed: %v", end.Error)
	}
	if all := strings.Join(end.Notes, "\n"); !strings.Contains(all, `/dev/shm of 64 MiB was full`) || !strings.Contains(all, `shm="auto"`) {
		t.Errorf("notes %q", end.Notes)
	}
}

func TestMissingModule(t *testing.T) {
	l := document(core.ContainerError_RECOVERABLE, unknown, "ModuleNotFoundError")
	l.failure.Message = "ModuleNotFoundError: No module named 'numpy'"
	e := judged(t, ended(1, "", nil), l)
	e.python = "/v/bin/python3"
	end := conclude(e)
	for _, word := range []string{l.failure.Message, "the image img:1", "the package that the module numpy belongs to: /v/bin/python3 -m pip install"} {
		if !strings.Contains(end.Error.Message, word) {
			t.Errorf("%q does not say %q", end.Error.Message, word)
		}
	}
}

func TestLimitOrigin(t *testing.T) {
	for _, tc := range []struct {
		request, limit resources.Origin
		want           string
	}{
		{resources.Asked, resources.Asked, "the one that was asked for"},
		{resources.Asked, resources.Default, "the request, since no limit was asked for"},
		{resources.Default, resources.Default, "the default of profile prod, since the task asks for no memory"},
		{resources.Asked, resources.Clamped, "the most that profile prod allows"},
	} {
		if got := limitOrigin(resources.Allotment{RequestOrigin: tc.request, LimitOrigin: tc.limit}, "prod"); got != tc.want {
			t.Errorf("%s/%s: %q, want %q", tc.request, tc.limit, got, tc.want)
		}
	}
}

func TestTailAndShorten(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	e := judged(t, ended(1, "", func(o *sandbox.Outcome) { o.Tail = strings.Join(lines, "\n") + "\n\n" }), left{})
	if got, want := e.tail(), "\nThe end of its output:\n"+strings.Join(lines[80:], "\n"); got != want {
		t.Errorf("tail %q", got)
	}
	e = judged(t, ended(1, "", func(o *sandbox.Outcome) { o.Tail = strings.Repeat("é", 5000) }), left{})
	if got := shorten(e.tail(), maxMessage); len(got) > tailBytes+64 || !strings.HasSuffix(got, "éé") {
		t.Errorf("tail of %d bytes", len(got))
	}
	long := "head " + strings.Repeat("ü", maxMessage) + " \xff tail"
	got := shorten(long, maxMessage)
	if len(got) > maxMessage || !strings.HasPrefix(got, "head ") || !strings.HasSuffix(got, "\uFFFD tail") || !strings.Contains(got, "bytes left out") {
		t.Errorf("shortened to %d bytes", len(got))
	}
}

func TestInPython(t *testing.T) {
	for in, want := range map[string]string{
		"give it more time with --timeout, or wait":                                       "give it more time with timeout=, or wait",
		"killed; --child-oom=warn makes this a warning":                                   "killed",
		`try flyte.Resources(memory=("1Gi", "2Gi")) now`:                                  `try .override(resources=flyte.Resources(memory=("1Gi", "2Gi"))) now`,
		`.override(resources=flyte.Resources(cpu=1)), or flyte.Resources(gpu=GPU("A",1))`: `.override(resources=flyte.Resources(cpu=1)), or .override(resources=flyte.Resources(gpu=GPU("A",1)))`,
		"nothing": "nothing",
	} {
		if got := inPython(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
