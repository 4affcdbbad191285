// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"strings"

	"drydock/executor"
	"drydock/internal/state"
	"drydock/resources"
)

// End is the report at a task's end: the verdict in plain words first, what
// to do last.
func End(s Style, r *executor.Result) string {
	return end(s, r) + late(s, r)
}

// late are the warnings that Start could not know: what was not recorded.
func late(s Style, r *executor.Result) string {
	var b strings.Builder
	for _, w := range r.Warnings {
		if w.Field == "state" {
			fmt.Fprintf(&b, "drydock: %s\n", s.Warn(oneLine(w.Text)))
		}
	}
	return b.String()
}

func end(s Style, r *executor.Result) string {
	last := lastAttempt(r)
	switch {
	case last == nil:
		return refusal(s, r)
	case r.Verdict.Class == executor.OOM:
		return outOfMemory(s, r, last)
	}
	out := &rows{style: s}
	out.b.WriteString(headline(s, r, last))
	attempts(out, r)
	hints(out, r.Verdict.Hints)
	out.add("keep it", s.bold(Keep(r)), "")
	return out.b.String()
}

// Short is End for --quiet: nothing about a success, else one sentence.
func Short(r *executor.Result) string {
	if r.Verdict.Class == executor.Succeeded {
		return ""
	}
	return "drydock: " + blame(r) + oneLine(r.Verdict.Message) + "\n"
}

func lastAttempt(r *executor.Result) *executor.Attempt {
	if len(r.Attempts) == 0 {
		return nil
	}
	return &r.Attempts[len(r.Attempts)-1]
}

// refusal is about a task that never had an attempt; its message ends with
// the remedy.
func refusal(s Style, r *executor.Result) string {
	out := &rows{style: s}
	fmt.Fprintf(&out.b, "drydock: %s%s\n", blame(r), oneLine(r.Verdict.Message))
	hints(out, r.Verdict.Hints)
	return out.b.String()
}

// blame tells a failure of drydock's own from what a person can mend: a state
// directory that cannot be used says itself what to do.
func blame(r *executor.Result) string {
	var dir *state.DirError
	var version *state.VersionError
	if r.Verdict.Class != executor.Error || errors.As(r.Cause, &dir) || errors.As(r.Cause, &version) {
		return ""
	}
	return "internal error: "
}

func headline(s Style, r *executor.Result, last *executor.Attempt) string {
	message := oneLine(r.Verdict.Message)
	if r.Verdict.Class == executor.Succeeded {
		message = s.Good(message)
	} else {
		message = s.Bad(message)
	}
	if used := usage(last); used != "" {
		message += " " + s.dim("("+used+")")
	}
	return "drydock: " + message + "\n"
}

// usage is what an attempt took, in a few words.
func usage(a *executor.Attempt) string {
	var parts []string
	if !a.StartedAt.IsZero() && a.EndedAt.After(a.StartedAt) {
		parts = append(parts, lasted(a.EndedAt.Sub(a.StartedAt)))
	}
	if m := a.Outcome.Memory; m.Peak > 0 {
		parts = append(parts, fmt.Sprintf("memory peak %s of %s", size(m.Peak), size(m.Limit)))
	}
	if c := a.Outcome.CPUSeconds; c > 0 {
		parts = append(parts, fmt.Sprintf("CPU %.2f s", c))
	}
	if d := a.Outcome.Disk; d != nil {
		parts = append(parts, fmt.Sprintf("disk %s of %s", size(d.Peak), size(d.Limit)))
	}
	for _, g := range a.GPU {
		if g.Peak == nil {
			continue
		}
		text := "GPU memory " + size(*g.Peak)
		if g.Memory != nil {
			text += " of " + size(*g.Memory)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// attempts lists them when there was more than one.
func attempts(out *rows, r *executor.Result) {
	if len(r.Attempts) < 2 {
		return
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		out.add(fmt.Sprintf("attempt %d", a.Number), allotment(a.Demand.Memory), word(a.Verdict.Class)+", "+brief(a))
	}
}

// brief is usage for a line among others.
func brief(a *executor.Attempt) string {
	text := "peak " + size(a.Outcome.Memory.Peak)
	if !a.StartedAt.IsZero() && a.EndedAt.After(a.StartedAt) {
		text += ", " + lasted(a.EndedAt.Sub(a.StartedAt))
	}
	return text
}

// word is a verdict for people.
func word(c executor.Class) string {
	switch c {
	case executor.OOM:
		return "out of memory"
	case executor.Shm:
		return "shared memory full"
	case executor.StartFailed:
		return "did not start"
	case executor.MachineMemory:
		return "machine out of memory"
	}
	return string(c)
}

func hints(out *rows, hints []string) {
	for _, h := range hints {
		out.text("hint", oneLine(h))
	}
}

func size(bytes int64) string { return resources.FormatSizeHuman(bytes) }
