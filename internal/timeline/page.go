// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"drydock/executor"
	"drydock/internal/report"
	"drydock/resources"
)

//go:embed page.css
var style string

//go:embed page.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the template shows. Everything in it is text, which the
// template escapes, but for the figures, which escape their own.
type page struct {
	Title, ID, Name, Command string
	Begun, Image             string
	WorkDir, Profile         string
	Generator                string
	Style                    template.CSS
	StyleHash                string
	Verdict                  badge
	Message                  string
	Advice                   report.Advice
	Keep                     string
	Notes                    []string
	Summary                  []summaryRow // when there are several attempts
	Attempts                 []attemptView
}

// badge is a verdict and its look: good, bad, or open while there is none.
type badge struct{ Look, Text string }

type summaryRow struct {
	Number                 int
	Verdict                badge
	Limit, Peak, Took, CPU string
}

type attemptView struct {
	Number    int
	Heading   string
	Verdict   badge
	Message   string
	Figure    template.HTML
	Facts     []fact
	Resources []resourceRow
	Limits    []limitRow
	Advice    report.Advice
	Notes     []string
	Tail      string
	TailName  string
}

type fact struct{ Name, Value, Remark string }

type resourceRow struct{ Name, Request, RequestOrigin, Limit, LimitOrigin string }

type limitRow struct{ Name, State, Look, Why string }

// writeHTML writes a page that needs nothing but itself: no script, no
// network, no font. Its policy forbids everything else, should something that
// a program printed ever get past the escaping.
func writeHTML(w io.Writer, r *Report, o Options) error {
	hash := sha256.Sum256([]byte(style))
	p := page{
		ID: r.ID, Name: report.OneLine(r.Task.Name), Command: command(r.Task.Command), Generator: o.Generator,
		Image: report.OneLine(r.Task.Image), WorkDir: report.OneLine(r.Task.WorkDir), Profile: report.OneLine(r.Profile),
		Style: template.CSS(style), StyleHash: base64.StdEncoding.EncodeToString(hash[:]),
		Verdict: open, Message: "The task has not ended.",
	}
	p.Title = p.Name
	if p.Title == "" {
		p.Title = r.ID
	}
	if !r.Begun.IsZero() {
		p.Begun = r.Begun.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	for _, n := range r.Notes {
		p.Notes = append(p.Notes, report.OneLine(n))
	}
	if res := r.Result; res != nil {
		p.Verdict, p.Message = verdictBadge(&res.Verdict), sentence(res.Verdict.Message)
		p.Advice, p.Keep = report.AdviceOf(r.Task.Resources, res.Verdict), report.Keep(res)
	}
	memoryTop := 0.0
	if o.CommonScale {
		for i := range r.Attempts {
			memoryTop = max(memoryTop, r.Attempts[i].memoryTop())
		}
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		v := viewOf(r, a, memoryTop)
		if i > 0 && slices.Equal(a.Limits, r.Attempts[i-1].Limits) {
			v.Limits = nil // it says the same as the one before
		}
		p.Attempts = append(p.Attempts, v)
		p.Summary = append(p.Summary, summaryOf(a))
	}
	if len(p.Summary) < 2 {
		p.Summary = nil
	}
	return pageTemplate.Execute(w, p)
}

var open = badge{"open", "not ended"}

func verdictBadge(v *executor.Verdict) badge {
	switch {
	case v == nil:
		return open
	case v.Class == executor.Succeeded:
		return badge{"good", report.Word(v.Class)}
	}
	return badge{"bad", report.Word(v.Class)}
}

// stateBadge is the badge of an attempt.
func (a *Attempt) stateBadge() badge {
	if a.Verdict == nil && a.State != Ended {
		return badge{"open", string(a.State)}
	}
	return verdictBadge(a.Verdict)
}

// command is a command line that a shell would read as it was given, in as
// many lines as it has.
func command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$`*?[]{}()<>|&;~#!") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	lines := strings.Split(strings.Join(quoted, " "), "\n")
	for i, line := range lines {
		lines[i] = report.OneLine(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	text = report.OneLine(text)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func summaryOf(a *Attempt) summaryRow {
	row := summaryRow{Number: a.Number, Verdict: a.stateBadge(), Limit: report.Size(a.MemoryLimit)}
	if peak, _, _ := a.Peak(); peak > 0 {
		row.Peak = report.Size(peak)
	}
	row.Took = lastedText(a)
	if used := a.cpuSeconds(); used > 0 {
		row.CPU = number(used) + " s"
	}
	return row
}

// cpuSeconds is all that is known to have been used.
func (a *Attempt) cpuSeconds() float64 {
	if n := len(a.Points); n > 0 {
		return a.Points[n-1].CPUSeconds
	}
	if a.Outcome != nil {
		return a.Outcome.CPUSeconds
	}
	return 0
}

func viewOf(r *Report, a *Attempt, memoryTop float64) attemptView {
	v := attemptView{
		Number: a.Number, Verdict: a.stateBadge(), Tail: a.Tail, TailName: "The end of its output",
		Figure: template.HTML(draw(a, memoryTop)), // escapes what others wrote: see canvas
		Facts:  facts(a), Resources: resourceRows(a.Demand), Limits: limitRows(a),
	}
	v.Heading = fmt.Sprintf("Attempt %d", a.Number)
	if n := len(r.Attempts); n > 1 {
		v.Heading += fmt.Sprintf(" of %d", n)
	}
	if a.Verdict != nil {
		if r.Result == nil || len(r.Result.Attempts) > 1 { // else it stands at the top
			v.Message = sentence(a.Verdict.Message)
		}
		if r.Result == nil || len(r.Attempts) < len(r.Result.Attempts) { // else what came next says more
			v.Advice = report.AdviceOf(r.Task.Resources, *a.Verdict)
		}
	}
	for _, n := range a.Notes {
		v.Notes = append(v.Notes, report.OneLine(n))
	}
	if a.State == Running {
		v.TailName = "The end of its output so far"
	}
	return v
}

func resourceRows(d resources.Demand) []resourceRow {
	row := func(name string, a resources.Allotment) resourceRow {
		return resourceRow{name, a.Request.String(), string(a.RequestOrigin), a.Limit.String(), string(a.LimitOrigin)}
	}
	if d.Memory.Limit.IsZero() && d.CPU.Limit.IsZero() { // its document is missing
		return nil
	}
	rows := []resourceRow{row("memory", d.Memory), row("cpu", d.CPU)}
	if d.Disk != nil {
		rows = append(rows, row("disk", *d.Disk))
	}
	if s := d.Shm; s != nil {
		size := "auto: the memory limit"
		if !s.Auto {
			size = resources.FormatSize(s.Size)
		}
		rows = append(rows, resourceRow{Name: "shm", Limit: size, LimitOrigin: string(s.Origin)})
	}
	if d.GPU != nil {
		rows = append(rows, resourceRow{Name: "gpu", Limit: d.GPU.String(), LimitOrigin: string(d.GPUOrigin)})
	}
	return rows
}

func limitRows(a *Attempt) []limitRow {
	var rows []limitRow
	for _, e := range a.Limits {
		look := map[string]string{"enforced": "good", "emulated": "open", "not enforced": "bad"}[string(e.State)]
		rows = append(rows, limitRow{report.OneLine(e.Limit), report.OneLine(string(e.State)), look, report.OneLine(e.Why)})
	}
	return rows
}
