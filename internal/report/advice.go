// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"drydock/executor"
	"drydock/resources"
)

// Advice is what a person can do about an attempt's end.
type Advice struct {
	Flag  string   // of drydock run: "--memory 128Mi"; "" where more memory is not the answer
	Flyte string   // the same as a line of Flyte
	Hints []string // everything else, a sentence each
}

// AdviceOf is the advice about a verdict of a task that asked for so much.
func AdviceOf(asked resources.Resources, v executor.Verdict) Advice {
	a := Advice{Hints: v.Hints}
	if v.OOM == nil || v.OOM.Suggest == "" {
		return a
	}
	a.Flyte = withLimit(asked, v.OOM.Suggest)
	if len(a.Hints) > 0 && strings.HasPrefix(a.Hints[0], "try flyte.") {
		a.Flyte, a.Hints = strings.TrimPrefix(a.Hints[0], "try "), a.Hints[1:]
	}
	a.Flag = "--memory " + flagValue(a.Flyte, v.OOM.Suggest)
	return a
}

// Keep is the line of Flyte that gives a task the memory it ended well with
// after it was given more; "" for any other end.
func Keep(r *executor.Result) string {
	last := lastAttempt(r)
	if r.Verdict.Class != executor.Succeeded || len(r.Attempts) < 2 ||
		last.Demand.Memory.LimitBytes() <= r.Attempts[0].Demand.Memory.LimitBytes() {
		return ""
	}
	return withMemory(r.Task.Resources, last.Demand.Memory)
}

// Word is a verdict in a word or two for people.
func Word(c executor.Class) string { return word(c) }
