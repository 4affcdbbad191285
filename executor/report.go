// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

// Each function here writes the verdict of one row: one sentence that a
// person understands, and hints that end with what to do.

func aborted(e *evidence) Verdict {
	v := Verdict{Class: Aborted, Code: CodeAborted, Message: "the task was stopped on request"}
	if e.opts.StoppedBy != "" {
		v.Message = "the task was stopped: " + e.opts.StoppedBy
	}
	if n := e.o.Leftovers; n > 0 {
		v.Hints = append(v.Hints, fmt.Sprintf("%d processes were left when the main one had ended, and were killed", n))
	}
	return v
}

func timedOut(e *evidence) Verdict {
	v := Verdict{Class: Timeout, Code: CodeTimeout, Kind: KindUser,
		Message: "the task did not end within its timeout"}
	if e.opts.Timeout > 0 {
		v.Message = fmt.Sprintf("the task did not end within its timeout of %s", e.opts.Timeout)
	}
	v.Hints = append(v.Hints, "give it more time with --timeout, or find what it waits for")
	c := e.o.Counters
	switch {
	case e.kills > 0:
		v.Hints = append(v.Hints, "a process ran out of memory after the SIGTERM; that did not cause the timeout")
	case c != nil && c.High > 0:
		v.Hints = append(v.Hints, "it was throttled by memory.high; raise the memory limit or drop that setting from the profile")
	case c != nil && c.OOM > 0:
		v.Hints = append(v.Hints, "it was out of memory and no process could be killed; do not set oom_score_adj to -1000")
	case e.nearLimit():
		v.Hints = append(v.Hints, "it worked close to its memory limit, which costs time; try a larger limit")
	}
	return v
}

// imageMissing says what the engine or the registry said. The codes are the
// reasons that a kubelet gives for a container that waits for its image.
func imageMissing(e *evidence) Verdict {
	s := e.o.StartError
	v := Verdict{Class: StartFailed, Code: CodeImagePullBackOff, Kind: KindUser, Message: s.Message}
	if s.Reason == sandbox.StartImageName {
		v.Code = CodeInvalidImageName
	}
	if i := e.o.Image; i != nil && i.Reference != "" {
		v.Message = "image " + i.Reference + ": " + s.Message
	}
	if s.Remedy != "" {
		v.Hints = []string{s.Remedy}
	}
	return v
}

func limitTooLow(e *evidence) Verdict {
	return Verdict{Class: StartFailed, Code: CodeMemoryLimitTooLow, Kind: KindUser,
		Message: fmt.Sprintf("the memory limit of %s is too low to start anything", size(e.o.Memory.Limit)),
		Hints: []string{"a cluster would leave such a pod Pending for ever; " +
			"give it at least 16Mi: " + e.paste("16Mi")},
	}
}

// noCommandText is what Docker and Podman say when neither the image nor
// anybody else names a program.
var noCommandText = regexp.MustCompile(`(?i)no command (specified|or entrypoint provided)`)

func notStarted(e *evidence) Verdict {
	s := e.o.StartError
	v := Verdict{Class: StartFailed, Code: CodeStartError, Kind: KindUser, Message: s.Message}
	if e.opts.Program != "" && !strings.Contains(s.Message, e.opts.Program) {
		v.Message = e.opts.Program + ": " + s.Message
	}
	switch s.Reason {
	case sandbox.StartNotFound:
		if noCommandText.MatchString(s.Message) {
			v.Hints = []string{"the image has no command of its own: write one after --"}
			break
		}
		v.Hints = []string{"check the spelling, PATH, and the interpreter named in a script's first line"}
	case sandbox.StartNotExecutable:
		v.Hints = []string{"make it executable (chmod +x), or name its interpreter first: python3 FILE, sh FILE"}
	default:
		v.Kind = KindSystem
		v.Hints = []string{"run drydock doctor to see what this machine lacks"}
	}
	if s.Remedy != "" {
		v.Hints = []string{s.Remedy}
	}
	return v
}

// unknown is told when the facts are not there: never a success.
func unknown(e *evidence) Verdict {
	v := Verdict{Class: Unknown, Code: CodeUnknown, Kind: KindSystem}
	what := "the task's cgroup"
	if e.o.Engine != "" {
		what = "the container"
	}
	switch {
	case e.o.Exit == nil && e.o.ExitUnknown != "":
		v.Message = "the end of the task is not known: " + e.o.ExitUnknown
	case e.o.Exit == nil && e.o.Engine != "":
		v.Message = "the end of the task is not known: its container was gone before anybody could ask how it ended"
	case e.o.Exit == nil:
		v.Message = "the end of the task is not known: its supervisor left no exit status"
	default:
		v.Message = fmt.Sprintf("the task ended with %s, but its counters were gone before they could be read, so that the reason is not known",
			exitText(e.o.Exit))
	}
	v.Hints = []string{"somebody may have removed " + what + " or killed its supervisor; run it again"}
	return v
}

func machineMemory(e *evidence) Verdict {
	return Verdict{Class: MachineMemory, Code: CodeMachineMemory, Kind: KindSystem,
		Message: fmt.Sprintf("all tasks together ran out of the memory that drydock may use on this machine; this one had used %s of its own limit of %s",
			size(e.o.Memory.Peak), size(e.o.Memory.Limit)),
		Hints: []string{"a larger memory limit does not help; run fewer tasks at a time, or ask for what they need (requests count)"},
	}
}

func hostMemory(e *evidence) Verdict {
	return Verdict{Class: MachineMemory, Code: CodeHostOutOfMemory, Kind: KindSystem,
		Message: fmt.Sprintf("this machine ran out of memory; the task had used %s of its own limit of %s",
			size(e.o.Memory.Peak), size(e.o.Memory.Limit)),
		Hints: []string{"a larger memory limit does not help; close other programs or run fewer tasks at a time"},
	}
}

func unkillable(e *evidence) Verdict {
	return Verdict{Class: Failed, Code: CodeUnkillableOOM, Kind: KindUser,
		Message: fmt.Sprintf("the task hung at its memory limit of %s because no process of it could be killed, until somebody did",
			size(e.o.Memory.Limit)),
		Hints: []string{"a process had set oom_score_adj to -1000; leave it alone"},
	}
}

func interrupted(e *evidence) Verdict {
	v := Verdict{Class: Interrupted, Code: CodeInterrupted, Kind: KindSystem}
	switch {
	case e.word() == sandbox.EvidenceEngine:
		v.Message = fmt.Sprintf("the task ended with %s, and %s tells of no out-of-memory kill", exitText(e.o.Exit), e.engine())
	case e.word() == sandbox.EvidenceSample:
		v.Message = fmt.Sprintf("the task ended with %s, and its memory was not at its limit when it was last seen", exitText(e.o.Exit))
	case e.o.Exit.Signal == "SIGKILL":
		v.Message = "somebody killed the task: SIGKILL came neither from drydock nor from the kernel's out-of-memory killer"
	default:
		v.Message = fmt.Sprintf("the task ended with exit code %d, as after a SIGKILL, but the kernel counted no out-of-memory kill", e.o.Exit.Code)
	}
	v.Hints = []string{"more memory does not help; look for a kill -9 in the task itself, and for systemd-oomd or earlyoom in the journal, then run it again"}
	return v
}

func hugepageLimit(e *evidence) Verdict {
	return Verdict{Class: Failed, Code: CodeHugepageLimit, Kind: KindUser,
		Message: "the task used more huge pages than it may: none were asked for",
		Hints:   []string{"a cluster gives none either; let the program use ordinary pages"},
	}
}

func pidsHint(e *evidence) Verdict {
	v := failed(e)
	p := e.o.Pids
	v.Hints = append(v.Hints, fmt.Sprintf("it was refused %d new processes or threads: at most %d may exist at a time (%d did); start fewer",
		p.Refused, p.Limit, p.Peak))
	return v
}

// refusedHint begins the hint of row 14.
const refusedHint = "an allocation was refused, not killed"

func refusedAllocation(e *evidence) Verdict {
	v := failed(e)
	m := e.o.Memory
	hint := refusedHint + ": a limit of the program's own (heap size, ulimit) or of the machine"
	if m.Peak > 0 && m.Limit > 0 {
		hint += fmt.Sprintf("; the memory peak was %s of %s", size(m.Peak), size(m.Limit))
	}
	v.Hints = append(v.Hints, hint+"; raise that one first")
	return v
}

func failed(e *evidence) Verdict {
	return Verdict{Class: Failed, Code: CodeError, Kind: KindUser,
		Message: "the task failed with " + exitText(e.o.Exit),
		Hints:   slices.Concat(e.shmHints(), e.diskHints())}
}

func succeeded(e *evidence) Verdict {
	v := Verdict{Class: Succeeded, Message: "the task succeeded"}
	if m := e.o.Memory; e.nearLimit() {
		hint := fmt.Sprintf("its memory peak was %d %% of the limit (%s of %s): a slightly larger input will run out",
			m.PeakNeed*100/m.Limit, size(m.PeakNeed), size(m.Limit))
		if next, ok := e.nextMemory(); ok {
			hint += "; try " + e.paste(next)
		}
		v.Hints = append(v.Hints, hint)
	}
	v.Hints = append(v.Hints, e.shmSurvived()...)
	v.Hints = append(v.Hints, e.diskHints()...)
	return v
}

func size(bytes int64) string { return resources.FormatSizeHuman(bytes) }

// signalText explains the signals that end programs.
var signalText = map[string]string{
	"SIGABRT": "it aborted itself",
	"SIGBUS":  "a mapped page had nothing behind it",
	"SIGFPE":  "a division by zero or the like",
	"SIGILL":  "an illegal instruction, maybe of another processor",
	"SIGPIPE": "the reader of its output was gone",
	"SIGSEGV": "an invalid memory access",
}

// exitText says how a program ended: "exit code 3", "SIGSEGV (an invalid …)".
func exitText(x *sandbox.Exit) string {
	if x.Signal == "" {
		return fmt.Sprintf("exit code %d", x.Code)
	}
	if why := signalText[x.Signal]; why != "" {
		return fmt.Sprintf("%s (%s)", x.Signal, why)
	}
	return x.Signal
}

// lasted rounds a duration for people.
func lasted(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
