// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"cmp"
	"fmt"
	"slices"

	"drydock/executor"
	"drydock/internal/report"
	"drydock/sandbox"
)

// marks are what happened to an attempt, in order of time.
func marks(o *sandbox.Outcome, v *executor.Verdict) []Mark {
	if o == nil || o.StartedAt.IsZero() {
		return nil
	}
	all := []Mark{{Kind: MarkStarted, Text: "started"}}
	if at := o.KillSeenAt; !at.IsZero() {
		all = append(all, Mark{MarkOOM, at.Sub(o.StartedAt), killText(o, v)})
	}
	// With the main process as the victim nothing was left to be killed.
	if at := o.GroupKilledAt; !at.IsZero() && !(len(o.Victims) > 0 && o.Victims[0].Main) {
		all = append(all, Mark{MarkGroupKill, at.Sub(o.StartedAt), "the rest killed with it"})
	}
	for _, s := range o.Stops {
		all = append(all, Mark{MarkStop, s.Time.Sub(o.StartedAt), s.Signal + stopReason(s.Reason)})
	}
	if !o.EndedAt.IsZero() {
		all = append(all, Mark{MarkEnded, o.EndedAt.Sub(o.StartedAt), "ended" + exitText(o.Exit)})
	}
	for i := range all {
		all[i].At = max(0, all[i].At) // a clock that was set back
	}
	slices.SortStableFunc(all, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
	return all
}

// killText names the victim, and the reason where it was not the task's own
// limit.
func killText(o *sandbox.Outcome, v *executor.Verdict) string {
	who := "a process"
	if len(o.Victims) > 0 {
		victim := o.Victims[0]
		if victim.Name != "" {
			who = report.OneLine(victim.Name)
		}
		if victim.PID > 0 {
			who += fmt.Sprintf(" (pid %d)", victim.PID)
		}
	}
	if v != nil && v.Class == executor.MachineMemory {
		return "machine out of memory: " + who + " killed"
	}
	return "out of memory: " + who + " killed"
}

func stopReason(r sandbox.StopReason) string {
	switch r {
	case sandbox.StopTimeout:
		return " at the timeout"
	case sandbox.StopAbort:
		return " on request"
	case sandbox.StopEvict:
		return " for its disk use"
	case "":
		return ""
	}
	return " (" + string(r) + ")"
}

func exitText(x *sandbox.Exit) string {
	switch {
	case x == nil:
		return ""
	case x.Signal != "":
		return ": " + x.Signal
	}
	return fmt.Sprintf(": exit code %d", x.Code)
}
