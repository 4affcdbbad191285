// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

var (
	began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at    = func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
)

const mib = int64(1) << 20

// v2 and v1 are attempts within 64 MiB that ended with exit 0 after ten
// seconds and touched next to nothing; change makes the case.
func v2(change func(*sandbox.Outcome)) sandbox.Outcome { return facts(2, change) }
func v1(change func(*sandbox.Outcome)) sandbox.Outcome { return facts(1, change) }

func facts(version int, change func(*sandbox.Outcome)) sandbox.Outcome {
	o := sandbox.Outcome{
		Version: 1, Sandbox: "native", StartedAt: at(0), EndedAt: at(10),
		Exit:     &sandbox.Exit{},
		Counters: &sandbox.Counters{CgroupVersion: version},
		Memory:   sandbox.Memory{Limit: 64 * mib, Peak: 3 * mib},
		Shm:      &sandbox.Shm{Size: 16 * mib},
		Cores:    4,
	}
	if change != nil {
		change(&o)
	}
	return o
}

func exit(code int) *sandbox.Exit { return &sandbox.Exit{Code: code} }

func signaled(name string) *sandbox.Exit {
	return &sandbox.Exit{Code: map[string]int{"SIGKILL": 137, "SIGBUS": 135, "SIGSEGV": 139, "SIGABRT": 134}[name], Signal: name}
}

func stopped(reason sandbox.StopReason, when float64, signal string) sandbox.Stop {
	return sandbox.Stop{Reason: reason, Signal: signal, Time: at(when)}
}

// oomV2 is what a group kill at the own limit looks like on cgroup v2.
func oomV2(o *sandbox.Outcome) {
	o.Exit = signaled("SIGKILL")
	o.Counters.OOMKill, o.Counters.OOM, o.Counters.OOMGroupKill = 2, 1, 1
	o.Counters.Group = sandbox.GroupEnforced
	o.Memory.Peak = 64 * mib
	o.KillSeenAt = at(10)
	o.Victims = []sandbox.Victim{{PID: 1, Name: "python3", RSS: 60 * mib, Main: true}}
}

// oomV1 is the same on cgroup v1, where the eventfd and the peak tell.
func oomV1(o *sandbox.Outcome) {
	oomV2(o)
	o.Counters.OOM, o.Counters.OOMGroupKill = 0, 0
	o.Counters.OOMKill, o.Counters.Notified = 1, true
	o.Counters.Group = sandbox.GroupEmulated
}

func childVictim(o *sandbox.Outcome) {
	o.Victims = []sandbox.Victim{{PID: 7, Name: "worker", RSS: 50 * mib}}
}

type verdictCase struct {
	name    string
	outcome sandbox.Outcome
	opts    JudgeOptions
	row     int
	class   Class
	code    string
	kind    Kind
	says    string // in the message or a hint
	silent  string // in neither
}

var verdictCases = []verdictCase{
	// Row 1: drydock stopped it because somebody asked.
	{name: "aborted, killed after the grace", row: 1, class: Aborted, code: "Aborted",
		opts: JudgeOptions{StoppedBy: "SIGINT (Ctrl-C)"}, says: "SIGINT",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit = signaled("SIGKILL")
			o.Stops = []sandbox.Stop{stopped("abort", 5, "SIGTERM"), stopped("abort", 9, "SIGKILL")}
		})},
	{name: "aborted, tidied up and exited 0", row: 1, class: Aborted, code: "Aborted",
		outcome: v1(func(o *sandbox.Outcome) { o.Stops = []sandbox.Stop{stopped("abort", 5, "SIGTERM")} })},
	{name: "aborted, and the handler ran out of memory", row: 1, class: Aborted, code: "Aborted",
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Stops, o.KillSeenAt = []sandbox.Stop{stopped("abort", 5, "SIGTERM")}, at(6)
		})},
	{name: "aborted before the program ran", row: 1, class: Aborted, code: "Aborted",
		outcome: sandbox.Outcome{Stops: []sandbox.Stop{stopped("abort", 0, "SIGKILL")},
			StartError: &sandbox.StartError{Reason: sandbox.StartRuntime, Message: "killed during set-up"}}},
	{name: "aborted during the grace of its timeout: the timeout came first", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit = signaled("SIGKILL")
			o.Stops = []sandbox.Stop{stopped("timeout", 5, "SIGTERM"), stopped("abort", 6, "SIGKILL")}
		})},
	{name: "a stop that crossed with the end did not cause it", row: 15, class: Failed, code: "Error", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Stops = exit(3), []sandbox.Stop{stopped("abort", 10.001, "SIGTERM")}
		})},

	// Row 2: the limit of time.
	{name: "timeout", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser,
		opts: JudgeOptions{Timeout: 5 * time.Second}, says: "5s",
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit = signaled("SIGKILL")
			o.Stops = []sandbox.Stop{stopped("timeout", 5, "SIGTERM"), stopped("timeout", 9, "SIGKILL")}
		})},
	{name: "timeout, tidied up and exited 0", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) { o.Stops = []sandbox.Stop{stopped("timeout", 5, "SIGTERM")} })},
	{name: "timeout, then an OOM in the SIGTERM handler", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser,
		says: "after the SIGTERM",
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Stops, o.KillSeenAt = []sandbox.Stop{stopped("timeout", 5, "SIGTERM")}, at(5.2)
		})},
	{name: "timeout, and a kill that nobody saw while it ran", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) {
			oomV1(o)
			o.Stops, o.KillSeenAt = []sandbox.Stop{stopped("timeout", 5, "SIGTERM")}, time.Time{}
		})},
	{name: "timeout while throttled", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser, says: "memory.high",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Counters.High = signaled("SIGKILL"), 187
			o.Stops = []sandbox.Stop{stopped("timeout", 5, "SIGTERM")}
		})},
	{name: "timeout while spinning at the limit unkillably", row: 2, class: Timeout, code: "TaskTimeoutError", kind: KindUser, says: "-1000",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Counters.OOM = signaled("SIGKILL"), 1197
			o.Stops = []sandbox.Stop{stopped("timeout", 5, "SIGTERM")}
		})},
	{name: "an OOM just before the timeout is an OOM", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) {
			oomV1(o)
			o.KillSeenAt, o.Stops = at(4.9), []sandbox.Stop{stopped("timeout", 5, "SIGTERM")}
		})},

	// Row 3: it never ran.
	{name: "limit too low", row: 3, class: StartFailed, code: "MemoryLimitTooLow", kind: KindUser, says: "1 MiB",
		outcome: sandbox.Outcome{Memory: sandbox.Memory{Limit: mib},
			StartError: &sandbox.StartError{Reason: sandbox.StartLimitTooLow, Message: "too low"}}},
	{name: "set-up ran out of memory", row: 3, class: StartFailed, code: "MemoryLimitTooLow", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Exit, o.StartError = nil, &sandbox.StartError{Reason: sandbox.StartRuntime, Message: "init died", OOM: true}
		})},
	{name: "not found", row: 3, class: StartFailed, code: "StartError", kind: KindUser, says: "nope: no such program",
		opts:    JudgeOptions{Program: "nope"},
		outcome: sandbox.Outcome{StartError: &sandbox.StartError{Reason: sandbox.StartNotFound, Message: "no such program"}}},
	{name: "not executable", row: 3, class: StartFailed, code: "StartError", kind: KindUser, says: "chmod",
		outcome: sandbox.Outcome{StartError: &sandbox.StartError{Reason: sandbox.StartNotExecutable, Message: "x: permission denied"}}},
	{name: "set-up failed", row: 3, class: StartFailed, code: "StartError", kind: KindSystem,
		outcome: sandbox.Outcome{StartError: &sandbox.StartError{Reason: sandbox.StartRuntime, Message: "mount: busy"}}},

	// Row 9's other half: no facts, no opinion, and never a success.
	{name: "counters gone, exit 0", row: 9, class: Unknown, code: "Unknown", kind: KindSystem, says: "exit code 0",
		outcome: v2(func(o *sandbox.Outcome) { o.Counters = nil })},
	{name: "counters gone, SIGKILL", row: 9, class: Unknown, code: "Unknown", kind: KindSystem,
		outcome: v1(func(o *sandbox.Outcome) { o.Counters, o.Exit = nil, signaled("SIGKILL") })},
	{name: "exit gone", row: 9, class: Unknown, code: "Unknown", kind: KindSystem,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit = nil })},
	{name: "nothing known", row: 9, class: Unknown, code: "Unknown", kind: KindSystem},

	// Row 4: its own limit.
	{name: "main process, v2", row: 4, class: OOM, code: "OOMKilled", kind: KindUser, outcome: v2(oomV2), says: "python3 (pid 1)"},
	{name: "its exit is not known", row: 4, class: OOM, code: "OOMKilled", kind: KindUser, says: "python3 (pid 1)",
		outcome: v2(func(o *sandbox.Outcome) { oomV2(o); o.Exit = nil })},
	{name: "a child's may be fine, and the exit is not known", row: 9, class: Unknown, code: "Unknown", kind: KindSystem, opts: JudgeOptions{ChildOOM: ChildOOMWarn},
		outcome: v2(func(o *sandbox.Outcome) { oomV2(o); o.Exit = nil })},
	{name: "main process, v1", row: 4, class: OOM, code: "OOMKilled", kind: KindUser, outcome: v1(oomV1), says: "64 MiB after 10s"},
	{name: "v1, the eventfd alone", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) { oomV1(o); o.Memory.Peak = 50 * mib })},
	{name: "v1, the peak alone, one charge batch short", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) {
			oomV1(o)
			o.Counters.Notified, o.Memory.Peak = false, 64*mib-64*4096
		})},
	{name: "v1, own limit and a shortage above: the own one", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) { oomV1(o); o.Counters.AncestorOOM = true })},
	{name: "a child, the parent passes on 3", row: 4, class: OOM, code: "OOMKilled", kind: KindUser, says: "child process worker (pid 7)",
		outcome: v1(func(o *sandbox.Outcome) { oomV1(o); childVictim(o); o.Exit = exit(3) })},

	// Row 5: a child was killed and the main process says it is fine.
	{name: "child, exit 0", row: 5, class: OOM, code: "OOMKilled", kind: KindUser, says: "--child-oom=warn",
		outcome: v1(func(o *sandbox.Outcome) { oomV1(o); childVictim(o); o.Exit = exit(0) })},
	{name: "child, exit 0, as a warning", row: 5, class: Succeeded, says: "worker (pid 7) ran out of memory",
		opts:    JudgeOptions{ChildOOM: ChildOOMWarn},
		outcome: v2(func(o *sandbox.Outcome) { oomV2(o); childVictim(o); o.Exit = exit(0) })},
	{name: "the warning is for exit 0 only", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		opts:    JudgeOptions{ChildOOM: ChildOOMWarn},
		outcome: v2(func(o *sandbox.Outcome) { oomV2(o); childVictim(o); o.Exit = exit(1) })},

	// Rows 6 and 7: somebody else's shortage. Never OOMKilled.
	{name: "drydock's budget, v2", row: 6, class: MachineMemory, code: "MachineMemoryExhausted", kind: KindSystem,
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Counters.OOM, o.Counters.AncestorOOM, o.Memory.Peak = 0, true, 20*mib
		})},
	{name: "drydock's budget, v1: notified, but far from the own limit", row: 6, class: MachineMemory, code: "MachineMemoryExhausted", kind: KindSystem,
		outcome: v1(func(o *sandbox.Outcome) {
			oomV1(o)
			o.Counters.AncestorOOM, o.Memory.Peak = true, 20*mib
		})},
	{name: "the whole machine, v2", row: 7, class: MachineMemory, code: "HostOutOfMemory", kind: KindSystem, says: "does not help",
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Counters.OOM, o.Memory.Peak = 0, 20*mib
		})},
	{name: "the whole machine, v1, exit 0", row: 7, class: MachineMemory, code: "HostOutOfMemory", kind: KindSystem,
		outcome: v1(func(o *sandbox.Outcome) {
			oomV1(o)
			o.Exit, o.Counters.Notified, o.Memory.Peak = exit(0), false, 20*mib
		})},

	// Row 8: nothing that the OOM killer may end.
	{name: "unkillable", row: 8, class: Failed, code: "UnkillableOOM", kind: KindUser, says: "-1000",
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Counters.OOM = signaled("SIGKILL"), 1197 })},
	{name: "an out-of-memory event without a kill, exit 1, is a plain failure", row: 15, class: Failed, code: "Error", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) { o.Exit, o.Counters.Notified = exit(1), true })},

	// Row 9: 137 proves nothing.
	{name: "SIGKILL from outside", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit = signaled("SIGKILL") })},
	{name: "exit 137 of its own", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem, says: "exit code 137",
		outcome: v1(func(o *sandbox.Outcome) { o.Exit = exit(137) })},
	{name: "exit 247", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem,
		outcome: v1(func(o *sandbox.Outcome) { o.Exit = exit(247) })},
	{name: "SIGKILL at the limit, full of page cache", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem,
		outcome: v1(func(o *sandbox.Outcome) { o.Exit, o.Memory.Peak = signaled("SIGKILL"), 64*mib })},
	{name: "137 and Killed on stderr", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Tail = exit(137), "Out of memory: Killed process 7\n" })},

	// Rows 11 and 12.
	{name: "huge pages", row: 11, class: Failed, code: "HugepageLimit", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Hugetlb = signaled("SIGBUS"), 1 })},
	{name: "disk", row: 12, class: Evicted, code: "Evicted", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Stops = signaled("SIGKILL"), []sandbox.Stop{stopped(sandbox.StopEvict, 5, "SIGKILL")}
			o.Disk = &sandbox.Disk{Limit: 20 * mib, Used: 30 * mib, Peak: 30 * mib, Layer: 30*mib - 4096, Log: 4096}
		}), says: "exceeds the total limit of containers 20Mi: 30 MiB used (root file system 30 MiB, log 4 KiB)"},
	{name: "disk, without figures", row: 12, class: Evicted, code: "Evicted", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Stops = signaled("SIGKILL"), []sandbox.Stop{stopped(sandbox.StopEvict, 5, "SIGKILL")}
		})},
	{name: "too much disk, and failed before anybody looked", row: 15, class: Failed, code: "Error", kind: KindUser,
		says: "it had 30 MiB on disk, more than the 20Mi that it asked for",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Disk = exit(3), &sandbox.Disk{Limit: 20 * mib, Used: 30 * mib, Peak: 30 * mib}
		})},
	{name: "too much disk, and ended by itself meanwhile", row: 16, class: Succeeded, says: "",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Stops = []sandbox.Stop{stopped(sandbox.StopEvict, 5, "SIGKILL")}
			o.Disk = &sandbox.Disk{Limit: 20 * mib, Used: 30 * mib, Peak: 30 * mib}
		})},

	// Rows 13 to 15: the program's own failure.
	{name: "fork refused", row: 13, class: Failed, code: "Error", kind: KindUser, says: "at most 20",
		outcome: v1(func(o *sandbox.Outcome) { o.Exit, o.Pids = exit(1), sandbox.Pids{Limit: 20, Peak: 20, Refused: 3} })},
	{name: "fork refused and survived", row: 16, class: Succeeded,
		outcome: v1(func(o *sandbox.Outcome) { o.Pids = sandbox.Pids{Limit: 20, Peak: 20, Refused: 3} })},
	{name: "MemoryError", row: 14, class: Failed, code: "Error", kind: KindUser, says: "refused, not killed",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Tail = exit(1), "Traceback (most recent call last):\n  …\nMemoryError\n"
		})},
	{name: "numpy", row: 14, class: Failed, code: "Error", kind: KindUser, says: "refused, not killed",
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Tail = exit(1), "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array"
		})},
	{name: "C++", row: 14, class: Failed, code: "Error", kind: KindUser, says: "refused",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Tail = exit(134), "terminate called after throwing an instance of 'std::bad_alloc'"
		})},
	{name: "Java, before its stack trace", row: 14, class: Failed, code: "Error", kind: KindUser, says: "heap size",
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Tail = exit(1), "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n\tat Hog.main(Hog.java:9)\n"
		})},
	{name: "node, 134 through a shell", row: 14, class: Failed, code: "Error", kind: KindUser, says: "refused",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Tail = exit(134), "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n"
		})},
	{name: "Go", row: 14, class: Failed, code: "Error", kind: KindUser, says: "refused",
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Tail = exit(2), "fatal error: runtime: out of memory\n" })},
	{name: "exit 1", row: 15, class: Failed, code: "Error", kind: KindUser, says: "exit code 1", outcome: v1(func(o *sandbox.Outcome) { o.Exit = exit(1) })},
	{name: "exit 127 of its own", row: 15, class: Failed, code: "Error", kind: KindUser, outcome: v2(func(o *sandbox.Outcome) { o.Exit = exit(127) })},
	{name: "SIGSEGV", row: 15, class: Failed, code: "Error", kind: KindUser, says: "invalid memory access",
		outcome: v2(func(o *sandbox.Outcome) { o.Exit = signaled("SIGSEGV") })},
	{name: "exit 139 of a PID 1 that aborted", row: 15, class: Failed, code: "Error", kind: KindUser, outcome: v1(func(o *sandbox.Outcome) { o.Exit = exit(139) })},

	// Row 16: success.
	{name: "success", row: 16, class: Succeeded, outcome: v2(nil)},
	{name: "success close to the limit", row: 16, class: Succeeded, says: "larger input",
		outcome: v1(func(o *sandbox.Outcome) { o.Memory.PeakNeed = 62 * mib })},
	{name: "success with the limit full of page cache", row: 16, class: Succeeded, silent: "larger input",
		outcome: v1(func(o *sandbox.Outcome) { o.Memory.Peak, o.Memory.PeakNeed = 64*mib, 2*mib })},
	{name: "success after many reclaims", row: 16, class: Succeeded, silent: "larger input",
		outcome: v2(func(o *sandbox.Outcome) { o.Counters.Max, o.Memory.Peak = 2000, 64*mib })},
	{name: "success with telling words in the output", row: 16, class: Succeeded, silent: "refused",
		outcome: v1(func(o *sandbox.Outcome) { o.Tail = "caught java.lang.OutOfMemoryError\n" })},
	{name: "success while another OOM killer ran on the machine", row: 16, class: Succeeded,
		outcome: v1(func(o *sandbox.Outcome) {
			o.Counters.HostOOMKill, o.Counters.Notified, o.Counters.AncestorOOM = 5, true, true
		})},
}

func TestJudge(t *testing.T) {
	rows := map[int]bool{}
	for _, tc := range slices.Concat(verdictCases, shmVerdictCases, diskVerdictCases, imageVerdictCases) {
		t.Run(tc.name, func(t *testing.T) {
			if tc.opts.Asked.IsZero() {
				tc.opts.Asked = resources.Resources{CPU: resources.Of("1"), Memory: resources.Of("64Mi")}
			}
			v := Judge(tc.outcome, tc.opts)
			rows[v.Row] = true
			if v.Row != tc.row || v.Class != tc.class || v.Code != tc.code || v.Kind != tc.kind {
				t.Errorf("got row %d, %s, code %q, kind %q (%s)\nwant row %d, %s, code %q, kind %q",
					v.Row, v.Class, v.Code, v.Kind, v.Message, tc.row, tc.class, tc.code, tc.kind)
			}
			text := v.Message + "\n" + strings.Join(v.Hints, "\n")
			if !strings.Contains(text, tc.says) {
				t.Errorf("nothing says %q:\n%s", tc.says, text)
			}
			if tc.silent != "" && strings.Contains(text, tc.silent) {
				t.Errorf("something says %q:\n%s", tc.silent, text)
			}
			if v.Message == "" || strings.Contains(v.Message, "\n") || strings.HasSuffix(v.Message, ".") {
				t.Errorf("not one sentence: %q", v.Message)
			}
		})
	}
	for _, r := range table {
		if !rows[r.number] {
			t.Errorf("no case ends in row %d (%s)", r.number, r.name)
		}
	}
}

// On the wire to a Flyte program the word OOM in a code of kind user means
// out of memory: nobody else's shortage may use it.
func TestCodesOfSystemFailuresDoNotSayOOM(t *testing.T) {
	for _, code := range []string{CodeMachineMemory, CodeHostOutOfMemory} {
		if strings.Contains(strings.ToUpper(code), "OOM") {
			t.Errorf("code %q says OOM", code)
		}
	}
}
