// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"time"

	"drydock/executor"
)

// Evidence is the middle of the report about running out of memory, for an
// attempt of which only its document is at hand: what ran out, what filled it,
// and who was killed. It is empty when the attempt ended otherwise.
func Evidence(s Style, a executor.EndedAttempt) string {
	o := a.OOM
	if o == nil {
		return ""
	}
	last := executor.Attempt{Number: a.Number, Demand: a.Resources}
	r := &executor.Result{Attempts: []executor.Attempt{last}}
	out := &rows{style: s}
	out.add("limit", size(o.Limit), limitOrigin(r, &last))
	known(out, r, o)
	if o.Seconds > 0 {
		out.add("when", lasted(time.Duration(o.Seconds*float64(time.Second))), "into the attempt")
	}
	if o.Cores > 0 {
		out.add("cores", fmt.Sprintf("%d seen", o.Cores), "CPU limit "+a.Resources.CPU.Limit.String()+coresHint(o, &last))
	}
	return out.b.String()
}

// Row is a line that stands under those of Evidence.
func Row(s Style, label, value string) string {
	out := &rows{style: s}
	out.add(label, value, "")
	return out.b.String()
}

// Sentence is a Row whose value is a sentence, wrapped.
func Sentence(s Style, label, sentence string) string {
	out := &rows{style: s}
	out.text(label, sentence)
	return out.b.String()
}

// Size is a size for people.
func Size(bytes int64) string { return size(bytes) }

// Lasted is a duration for people.
func Lasted(d time.Duration) string { return lasted(d) }

// Dim and Bold are for lines that stand beside reports.
func (s Style) Dim(text string) string  { return s.dim(text) }
func (s Style) Bold(text string) string { return s.bold(text) }

// OneLine is a text that somebody else chose, without what could move the
// cursor.
func OneLine(text string) string { return oneLine(text) }
