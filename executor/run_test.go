// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// Every end comes as its own typed error, with the exit code people know.
func TestRunEnds(t *testing.T) {
	small := resources.Resources{Memory: resources.Of("64Mi")}
	with := func(task Task, change func(*Task)) Task { task.Resources = small; change(&task); return task }
	nothing := func(*Task) {}
	for _, tc := range []struct {
		name    string
		sandbox sandbox.Sandbox
		task    Task
		class   Class
		exit    int
		is      func(error) bool
	}{
		{"success", nil, with(hog("exit", "0"), nothing), Succeeded, 0, func(err error) bool { return err == nil }},
		{"failure", nil, with(hog("err", "why", "exit", "42"), nothing), Failed, 42, isA(func(e *TaskFailedError) bool {
			return e.Exit.Code == 42 && e.Tail == "why\n" && e.Attempt == 1
		})},
		{"oom", nil, with(hog("touch", "100"), nothing), OOM, 137, isA(func(e *OOMError) bool {
			return e.Limit == 64*mib && e.Main && e.Suggest == "128Mi" && e.Victim.Name == "hog" && e.Report.Kills == 1
		})},
		{"oom on v1", &sandboxtest.Fake{CgroupVersion: 1}, with(hog("touch", "100"), nothing), OOM, 137, isA(func(e *OOMError) bool {
			return e.Report.Group == sandbox.GroupEmulated
		})},
		{"oom of a child, exit 0", &sandboxtest.Fake{CgroupVersion: 1}, with(hog("child", "100", "exit", "0"), nothing), OOM, 137,
			isA(func(e *OOMError) bool { return !e.Main && e.Exit.Code == 0 })},
		{"the same as a warning", &sandboxtest.Fake{CgroupVersion: 1}, with(hog("child", "100", "exit", "0"), func(t *Task) { t.ChildOOM = ChildOOMWarn }),
			Succeeded, 0, func(err error) bool { return err == nil }},
		{"interrupted", nil, with(hog("signal", "SIGKILL"), nothing), Interrupted, 137, isA(func(*InterruptedError) bool { return true })},
		{"segv", nil, with(hog("segv"), nothing), Failed, 139, isA(func(*TaskFailedError) bool { return true })},
		{"shm", nil, with(hog("map", "/dev/shm/x", "100"), func(t *Task) { t.Resources.Memory, t.Resources.Shm = resources.Of("256Mi"), "16Mi" }), Shm, 135,
			isA(func(e *SharedMemoryError) bool { return e.Size == 16*mib && e.Peak == 16*mib })},
		{"not found", nil, Task{Command: []string{"no-such-program"}}, StartFailed, 127, isA(func(e *StartError) bool { return e.Reason == sandbox.StartNotFound })},
		{"not executable", nil, Task{Command: []string{"/etc/passwd"}}, StartFailed, 126, isA(func(e *StartError) bool { return e.Reason == sandbox.StartNotExecutable })},
		{"limit too low", nil, with(hog(), func(t *Task) { t.Resources.Memory = resources.Of("1Mi") }), StartFailed, 125, isA(func(e *StartError) bool {
			return e.Verdict.Code == "MemoryLimitTooLow"
		})},
		{"machine memory", edited(func(o *sandbox.Outcome) { o.Counters.OOM, o.Counters.AncestorOOM = 0, true }), with(hog("touch", "100"), nothing),
			MachineMemory, 137, isA(func(e *MachineMemoryError) bool { return !e.Host })},
		{"host memory", edited(func(o *sandbox.Outcome) { o.Counters.OOM = 0 }), with(hog("touch", "100"), nothing),
			MachineMemory, 137, isA(func(e *MachineMemoryError) bool { return e.Host })},
		{"facts lost", &sandboxtest.Fake{Edit: func(_ sandbox.Spec, o *sandbox.Outcome) error { *o = sandbox.Outcome{}; return sandbox.ErrNoOutcome }},
			with(hog(), nothing), Unknown, 125, isA(func(e *UnknownEndError) bool { return errors.Is(e, sandbox.ErrNoOutcome) })},
		{"start refused", &sandboxtest.Fake{StartErr: func(sandbox.Spec) error {
			return &sandbox.SpecError{Field: "user", Reason: "nobody knows wolfgang", Remedy: "give a uid"}
		}}, hog(), Refused, 125, isA(func(e *RefusedError) bool { return e.Remedy == "give a uid" && strings.Contains(e.Error(), "wolfgang") })},
		{"machine cannot", &sandboxtest.Fake{StartErr: func(sandbox.Spec) error {
			return &sandbox.UnsupportedError{What: "no memory cgroup", Remedy: "mount one"}
		}}, hog(), Refused, 125, isA(func(e *RefusedError) bool { return strings.Contains(e.Error(), "no memory cgroup; mount one") })},
		{"own failure", &sandboxtest.Fake{StartErr: func(sandbox.Spec) error { return errors.New("shim: exec format error") }},
			hog(), Error, 125, isA(func(e *InternalError) bool { return strings.Contains(e.Error(), "exec format") })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newExecutor(t, nil)
			var opts []RunOption
			if tc.sandbox != nil {
				opts = append(opts, WithSandbox(tc.sandbox))
			}
			result, err := x.Run(t.Context(), tc.task, opts...)
			if result == nil {
				t.Fatal("no result")
			}
			if result.Verdict.Class != tc.class {
				t.Errorf("verdict %s (%s), want %s", result.Verdict.Class, result.Verdict.Message, tc.class)
			}
			if got := ExitCode(result); got != tc.exit {
				t.Errorf("exit code %d, want %d", got, tc.exit)
			}
			if !tc.is(err) {
				t.Errorf("error %T %+v", err, err)
			}
		})
	}
}

// isA reports whether errors.As finds a T that passes.
func isA[T error](pass func(T) bool) func(error) bool {
	return func(err error) bool {
		var e T
		return errors.As(err, &e) && pass(e)
	}
}

// What can never run is refused with the remedy, and nothing is started.
func TestRefusals(t *testing.T) {
	gpu, err := resources.Count(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*Task)
		says   string
	}{
		{"no command", func(t *Task) { t.Command = nil }, "no command"},
		{"empty word", func(t *Task) { t.Command = []string{""} }, "first word is empty"},
		{"NUL", func(t *Task) { t.Command = []string{"hog", "a\x00b"} }, "NUL"},
		{"400m", func(t *Task) { t.Resources.Memory = resources.Of("400m") }, "400Mi"},
		{"no quantity", func(t *Task) { t.Resources.Memory = resources.Of("lots") }, "memory"},
		{"too much memory", func(t *Task) { t.Resources.Memory = resources.Of("64Gi") }, "at most 8Gi"},
		{"too many cores", func(t *Task) { t.Resources.CPU = resources.Of("64") }, "at most 8"},
		{"gpu", func(t *Task) { t.Resources.GPU = gpu }, "no NVIDIA GPU on this machine"},
		{"negative timeout", func(t *Task) { t.Timeout = -time.Second }, "negative"},
		{"negative retries", func(t *Task) { t.Retries.Count = -1 }, "negative"},
		{"OOM factor", func(t *Task) { t.OOMRetry = &OOMRetry{Factor: 0.5} }, "more memory"},
		{"child OOM", func(t *Task) { t.ChildOOM = "ignore" }, "ignore"},
		{"disk", func(t *Task) { t.DiskEnforce = "soft" }, "soft"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			started := 0
			x := newExecutor(t, func(c *Config) {
				c.Sandbox = &sandboxtest.Fake{StartErr: func(sandbox.Spec) error { started++; return nil }}
			})
			task := hog("exit", "0")
			tc.change(&task)
			var events []Event
			result, err := x.Run(t.Context(), task, WithEvents(func(e Event) { events = append(events, e) }))
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %T %v, want a refusal that says %q", err, err, tc.says)
			}
			if refused.Reason == "" || result.Verdict.Class != Refused || ExitCode(result) != 125 || started != 0 {
				t.Errorf("reason %q, verdict %s, exit %d, %d starts", refused.Reason, result.Verdict.Class, ExitCode(result), started)
			}
			if len(events) != 1 || events[0].Type != EventEnded {
				t.Errorf("events %v, want ended alone", events)
			}
		})
	}
}

// A current directory that somebody removed is said before anything starts.
func TestDeletedCurrentDirectory(t *testing.T) {
	x := newExecutor(t, nil)
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	_, err := x.Run(t.Context(), hog())
	if _, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(err.Error(), "current directory is gone") {
		t.Errorf("got %T %v", err, err)
	}
}

// Requests decide what fits. A limit above the machine is fine, and so is a
// default that nobody wrote.
func TestLimitsAboveTheMachineAreWarnings(t *testing.T) {
	for name, r := range map[string]resources.Resources{
		"pair":    {CPU: resources.Pair("1", "64"), Memory: resources.Pair("100Mi", "64Gi")},
		"default": {},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExecutor(t, func(c *Config) { c.Capacity = Capacity{CPUMilli: 1000, Memory: 512 << 20} })
			task := hog("exit", "0")
			task.Resources = r
			result, err := x.Run(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range result.Warnings {
				if w.Code == codeAboveMachine {
					return
				}
			}
			t.Errorf("no warning: %v", result.Warnings)
		})
	}
}

// What is held on the disk is the sandbox's to say; with one that does not it
// is named as not held.
func TestDiskIsNamed(t *testing.T) {
	task := hog("exit", "0")
	task.Resources.Disk = "10Gi"
	result, err := newExecutor(t, nil).Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	state := func(table []sandbox.Enforcement) sandbox.EnforceState {
		for _, l := range table {
			if l.Limit == "disk" && l.Why != "" {
				return l.State
			}
		}
		return ""
	}
	if got := state(result.Limits); got != sandbox.Emulated {
		t.Errorf("disk is %q in %+v", got, result.Limits)
	}
	silent := enforcement(nil, resources.Demand{Disk: &resources.Allotment{}}, nil)
	if got := state(silent); got != sandbox.NotEnforced {
		t.Errorf("disk is %q in %+v", got, silent)
	}
}

// An eviction is a failure of its own, and says where the disk went.
func TestEvicted(t *testing.T) {
	task := hog("fill", "/tmp/data/x", "30", "sleep", "60000")
	task.Resources.Disk = "20Mi"
	result, err := newExecutor(t, nil).Run(t.Context(), task)
	var evicted *EvictedError
	if !errors.As(err, &evicted) {
		t.Fatalf("got %v, want an EvictedError", err)
	}
	const want = "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi: 30 MiB used (root file system 30 MiB, log 0 B)"
	if got := result.Verdict.Message; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	hints := strings.Join(result.Verdict.Hints, "\n")
	for _, want := range []string{"most of it is in /tmp/data 30 MiB", `disk="60Mi"`, "ContainerStatusUnknown with 137"} {
		if !strings.Contains(hints, want) {
			t.Errorf("no %q in the hints:\n%s", want, hints)
		}
	}
	if code := ExitCode(result); code != 137 {
		t.Errorf("exit code %d", code)
	}
	document := result.Document()
	if d := document.Attempts[0].Disk; d == nil || d.Used != 30<<20 {
		t.Errorf("the document has %+v", d)
	}
}

// A task that ended above its limit before anybody looked has succeeded, and is
// told what would have come of it.
func TestDiskWarning(t *testing.T) {
	task := hog("fill", "/tmp/x", "30")
	task.Resources.Disk = "20Mi"
	result, err := newExecutor(t, nil).Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if hints := strings.Join(result.Verdict.Hints, "\n"); !strings.Contains(hints, "had 30 MiB on disk, more than the 20Mi") {
		t.Errorf("hints %q", hints)
	}
}

// The environment fills what the task leaves empty.
func TestEnvironmentAndOverride(t *testing.T) {
	env := &Environment{
		Resources: resources.Resources{CPU: resources.Of("2"), Memory: resources.Of("100Mi")},
		Env:       map[string]string{"A": "environment", "B": "environment"},
		WorkDir:   t.TempDir(),
	}
	run := func(task Task) (*Result, string) {
		t.Helper()
		var out bytes.Buffer
		result, err := newExecutor(t, nil).Run(t.Context(), task, WithStreams(sandbox.Streams{Stdout: &out}))
		if err != nil {
			t.Fatal(err)
		}
		return result, out.String()
	}
	t.Setenv("A", "host")
	t.Setenv("C", "host")
	task := hog("env", "A", "env", "B", "env", "C", "cwd")
	task.Environment, task.Env = env, map[string]string{"B": "task"}

	result, out := run(task)
	if want := "environment\ntask\nhost\n" + env.WorkDir + "\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	d := result.Attempts[0].Demand
	if d.CPU.RequestMilli() != 2000 || d.Memory.LimitBytes() != 100*mib || d.Memory.RequestOrigin != resources.Asked {
		t.Errorf("demand %+v", d)
	}

	// An override replaces everything: the CPU is the default again.
	result, _ = run(task.Override(resources.Resources{Memory: resources.Of("200Mi")}))
	d = result.Attempts[0].Demand
	if d.CPU.RequestOrigin != resources.Default || d.Memory.LimitBytes() != 200*mib || d.Memory.RequestOrigin != resources.Override {
		t.Errorf("demand %+v", d)
	}

	task.CleanEnv = true
	if _, out := run(task); !strings.Contains(out, "(unset)") {
		t.Errorf("a clean environment inherited C: %q", out)
	}
}

func TestNewRefusesHalfAConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no sandbox":       {StateDir: t.TempDir()},
		"negative retries": {Sandbox: &sandboxtest.Fake{}, StateDir: t.TempDir(), SystemRetries: -1},
		"no directory":     {Sandbox: &sandboxtest.Fake{}, StateDir: "/proc/nowhere"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A stream of events has its last line also when nothing could begin.
func TestNotStarted(t *testing.T) {
	for _, tc := range []struct {
		err   error
		class Class
	}{
		{&RefusedError{Reason: "unknown flag", Remedy: "see --help"}, Refused},
		{&resources.FieldError{Field: "memory", Value: "x", Reason: "no quantity"}, Refused},
		{&sandbox.UnsupportedError{What: "no cgroup", Remedy: "mount one"}, Refused},
		{errors.New("disk on fire"), Error},
	} {
		var events []Event
		result, err := NotStarted(tc.err, WithEvents(func(e Event) { events = append(events, e) }))
		if err == nil || result.Verdict.Class != tc.class || len(events) != 1 || events[0].Type != EventEnded || ExitCode(result) != 125 {
			t.Errorf("%v: verdict %s, events %v, exit %d", tc.err, result.Verdict.Class, events, ExitCode(result))
		}
	}
}
