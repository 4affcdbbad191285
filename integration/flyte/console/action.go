// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/resources"
)

// actionView is one action as the page of its run shows it.
type actionView struct {
	ID       string
	Name     string // of the task, trace or condition
	Kind     string // "" for tasks
	Group    string
	Indent   string // a class of the style sheet
	Phase    phase
	Waiting  string
	Cached   bool
	Attempts []attemptView
	Lasted   string
	Created  stamp
	Asked    string
	Error    *errorView
	Abort    string
	Inputs   string
	Outputs  string
	Open     bool // its details are shown at once
	Memory   memoryView
}

type errorView struct{ Code, Kind, Message string }

type attemptView struct {
	Number      int
	Phase       phase
	Lasted      string
	Log, Report string // paths; "": there is none
	Memory      memoryView
	CPU         string
	Transitions []transitionView
	Limits      []string // what this machine does not hold as the cluster would
	Notes       []string
	Error       *errorView
	Waiting     string
	Output      string
}

type transitionView struct {
	Phase phase
	At    stamp
}

// memoryView is memory against its limit.
type memoryView struct {
	Text    string
	Percent int // of the limit; 0: not known
	High    bool
}

// maxIndent is the deepest level that the style sheet tells apart.
const maxIndent = 12

func (p *pages) actionView(a *engine.Action, depth int) actionView {
	v := actionView{
		ID: a.ID.Name, Name: NameOf(a), Kind: kindOf(a), Group: a.Group, Indent: fmt.Sprintf("d%d", min(depth, maxIndent)),
		Phase: phaseOf(a), Created: p.stamp(a.Created), Lasted: lasted(span(a.Created, a.Ended, p.Now())),
		Cached: a.CacheStatus == core.CatalogCacheStatus_CACHE_HIT, Asked: asked(a), Abort: a.AbortReason,
		Error: errorOf(a.Error), Inputs: a.InputURI, Outputs: a.OutputURI,
	}
	if a.InputURI != "" {
		v.Inputs += "/inputs.pb"
	}
	for i := range a.Attempts {
		v.Attempts = append(v.Attempts, p.attemptView(a, &a.Attempts[i]))
	}
	if n := len(v.Attempts); n > 0 {
		v.Memory = v.Attempts[n-1].Memory
		if !a.Done() {
			v.Waiting = v.Attempts[n-1].Waiting
		}
	}
	v.Open = v.Error != nil || v.Abort != ""
	return v
}

func (p *pages) attemptView(a *engine.Action, at *engine.Attempt) attemptView {
	v := attemptView{Number: at.Number, Phase: newPhase(at.Phase, at.Error), Notes: at.Notes, Error: errorOf(at.Error),
		Waiting: at.Waiting, Output: at.OutputURI}
	if !at.Started.IsZero() {
		v.Lasted = lasted(span(at.Started, at.Ended, p.Now()))
		v.Log = attemptPath(a.ID, at.Number, "log")
	}
	if at.HasReport {
		v.Report = attemptPath(a.ID, at.Number, "report")
	}
	if at.Number == len(a.Attempts) && a.Error != nil && v.Error != nil && v.Error.Message == a.Error.GetMessage() {
		v.Error = nil // it stands above already
	}
	for _, t := range at.Transitions {
		v.Transitions = append(v.Transitions, transitionView{newPhase(t.Phase, nil), p.stamp(t.At)})
	}
	for _, l := range at.Limits {
		if l.State != "enforced" {
			v.Limits = append(v.Limits, strings.TrimSpace(fmt.Sprintf("%s: %s %s", l.Limit, l.State, inBrackets(l.Why))))
		}
	}
	if at.TaskID != "" {
		u := p.Usage(at.TaskID)
		v.Memory = memory(u)
		if u.CPU != "" || u.CPUSeconds > 0 {
			v.CPU = strings.TrimSpace(u.CPU + " " + cpuSeconds(u.CPUSeconds))
		}
	}
	return v
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func cpuSeconds(s float64) string {
	if s <= 0 {
		return ""
	}
	return fmt.Sprintf("(%.2f s used)", s)
}

// memory is what an attempt used, or uses, of its limit.
func memory(u Usage) memoryView {
	used, word := u.Peak, "peak "
	if u.Current > 0 {
		used, word = u.Current, ""
	}
	v := memoryView{Text: u.Memory}
	if used <= 0 {
		return v
	}
	v.Text = word + resources.FormatSizeHuman(used)
	if u.Limit > 0 {
		v.Text += " of " + resources.FormatSizeHuman(u.Limit)
		v.Percent = int(min(100, used*100/u.Limit))
		v.High = v.Percent >= 90
	}
	return v
}

func errorOf(e *core.ExecutionError) *errorView {
	if e == nil {
		return nil
	}
	return &errorView{Code: e.GetCode(), Kind: strings.ToLower(e.GetKind().String()), Message: e.GetMessage()}
}

// asked is what a task's own template asks for, before the profile.
func asked(a *engine.Action) string {
	r := a.Task.GetSpec().GetTaskTemplate().GetContainer().GetResources()
	names := map[core.Resources_ResourceName]string{
		core.Resources_CPU: "cpu", core.Resources_MEMORY: "memory", core.Resources_GPU: "gpu",
		core.Resources_EPHEMERAL_STORAGE: "disk", core.Resources_STORAGE: "storage",
	}
	limits := map[core.Resources_ResourceName]string{}
	for _, l := range r.GetLimits() {
		limits[l.GetName()] = l.GetValue()
	}
	var parts []string
	for _, q := range r.GetRequests() {
		text := q.GetValue()
		if l := limits[q.GetName()]; l != "" && l != text {
			text += " to " + l
		}
		delete(limits, q.GetName())
		parts = append(parts, names[q.GetName()]+" "+text)
	}
	for _, l := range r.GetLimits() {
		if _, left := limits[l.GetName()]; left {
			parts = append(parts, names[l.GetName()]+" at most "+l.GetValue())
		}
	}
	return strings.Join(parts, ", ")
}

func kindOf(a *engine.Action) string {
	switch {
	case a.Trace != nil:
		return "trace"
	case a.Condition != nil:
		return "condition"
	}
	return ""
}

// NameOf is the name that a person gave to what an action calls.
func NameOf(a *engine.Action) string {
	switch {
	case a == nil:
		return ""
	case a.Trace != nil:
		return a.Trace.GetName()
	case a.Condition != nil:
		return a.Condition.GetName()
	}
	for _, name := range []string{a.Task.GetSpec().GetShortName(), a.Task.GetId().GetName(), a.Task.GetSpec().GetTaskTemplate().GetId().GetName()} {
		if name != "" {
			return name
		}
	}
	return a.ID.Name
}

func pathEscape(s string) string { return url.PathEscape(s) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	const most = 200
	if r := []rune(line); len(r) > most {
		line = string(r[:most]) + "…"
	}
	return line
}

// span is how long something lasted, or has lasted when it is not over.
func span(from, to, now time.Time) time.Duration {
	if from.IsZero() {
		return 0
	}
	if to.IsZero() {
		to = now
	}
	return max(0, to.Sub(from))
}
