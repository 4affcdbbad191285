// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"drydock/executor"
	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/internal/history"
	"drydock/internal/report"
	"drydock/resources"
	"drydock/sandbox"
)

// blocks is what a file takes on disk (stat(2): units of 512 bytes).
func blocks(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// rowsOf writes rows of a label and a value; empty values are left out.
type rowsOf struct {
	style report.Style
	b     strings.Builder
}

func (r *rowsOf) add(label, value string) {
	r.b.WriteString(report.Row(r.style, label, report.OneLine(value)))
}

func inspectText(s report.Style, doc *inspection, now time.Time) string {
	r := &rowsOf{style: s}
	fmt.Fprintf(&r.b, "%s  %s\n", s.Bold(doc.ID), report.OneLine(doc.Name))
	r.add("status", statusText(doc.Task, now))
	if doc.Class != "" {
		r.add("verdict", verdictText(doc))
	}
	r.add("begun", timeText(doc.Begun))
	r.add("ended", timeText(doc.EndedAt))
	var words []string
	for _, word := range doc.Command {
		words = append(words, shellQuote(word))
	}
	r.add("command", strings.Join(words, " "))
	r.add("image", doc.Image)
	r.add("work dir", doc.WorkDir)
	r.add("asked", asked(doc.Asked))
	r.add("profile", doc.Profile)
	r.add("policies", policies(doc))
	r.add("variables", variables(doc))
	r.add("directory", fmt.Sprintf("%s (%s)", doc.Dir, report.Size(doc.Bytes)))
	for _, p := range doc.Problems {
		r.add("problem", p)
	}
	for i := range doc.Attempts {
		r.attempt(&doc.Attempts[i], now)
	}
	return r.b.String()
}

func statusText(t *history.Task, now time.Time) string {
	text := string(t.Status)
	switch t.Status {
	case history.Running, history.Queued:
		text += " for " + ageText(t.Age(now))
	case history.Lost:
		text += ": nobody looks after it any more; drydock wait " + t.ID + " finds out what can be known"
	}
	if t.Waiting != "" {
		text += "; " + t.Waiting
	}
	return text
}

func verdictText(doc *inspection) string {
	text := doc.Message
	if doc.Code != "" {
		text += " (" + doc.Code + ")"
	}
	if doc.ExitCode != nil {
		text += fmt.Sprintf("; drydock run exited with %d", *doc.ExitCode)
	}
	return text
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05.000 MST")
}

func asked(r resources.Resources) string {
	if r.IsZero() {
		return "nothing"
	}
	return r.Python()
}

// policies are when the task ends by itself, and whether it is tried again.
func policies(doc *inspection) string {
	var parts []string
	if doc.Timeout > 0 {
		parts = append(parts, "timeout "+report.Lasted(time.Duration(doc.Timeout*float64(time.Second))))
	}
	if doc.Retries > 0 {
		parts = append(parts, fmt.Sprintf("retries %d", doc.Retries))
	}
	if o := doc.OOMRetry; o != nil {
		parts = append(parts, fmt.Sprintf("more memory after running out of it: %s", oomRetryText(*o)))
	}
	if doc.ChildOOM == executor.ChildOOMWarn {
		parts = append(parts, "a survived kill of a child is a warning")
	}
	if doc.DiskEnforce == sandbox.DiskHard {
		parts = append(parts, "a write beyond its disk fails")
	}
	return strings.Join(parts, ", ")
}

func oomRetryText(o executor.OOMRetry) string {
	factor := o.Factor
	if factor == 0 {
		factor = 2
	}
	text := strconv.FormatFloat(factor, 'g', -1, 64) + "x"
	if o.Max > 0 {
		text += ",max=" + resources.FormatSize(o.Max)
	}
	if o.Attempts > 0 {
		text += fmt.Sprintf(",attempts=%d", o.Attempts)
	}
	return text
}

func variables(doc *inspection) string {
	text := strings.Join(doc.EnvNames, " ")
	switch {
	case doc.CleanEnv && text == "":
		return "none"
	case doc.CleanEnv:
		return text + " and nothing else"
	case text == "":
		return ""
	}
	return text + ", beside inherited ones"
}

// attempt writes one attempt under a line of its own.
func (r *rowsOf) attempt(a *inspectedAttempt, now time.Time) {
	fmt.Fprintf(&r.b, "\n%s", r.style.Bold(fmt.Sprintf("attempt %d", a.Number)))
	switch {
	case a.Class != "":
		fmt.Fprintf(&r.b, ": %s", report.OneLine(report.Word(a.Class)))
	case a.Now != nil:
		r.b.WriteString(": running")
	}
	r.b.WriteByte('\n')
	if a.Message != "" {
		r.b.WriteString(report.Sentence(r.style, "why", report.OneLine(a.Message)))
	}
	r.add("exit", exitText(a))
	r.add("started", timeText(a.StartedAt))
	if took := sinceStart(&a.Attempt, now); took > 0 {
		r.add("lasted", report.Lasted(took))
	}
	r.demand(a.Resources)
	r.add("gpu", a.Accelerators.String())
	r.usage(a)
	for _, g := range a.GPU {
		r.add("GPU", gpuUsage(g))
	}
	r.b.WriteString(report.Evidence(r.style, executor.EndedAttempt{Number: a.Number, Resources: a.Resources, OOM: a.OOM}))
	r.limits(a.Limits)
	r.view(a)
	for _, hint := range a.Hints {
		r.b.WriteString(report.Sentence(r.style, "hint", report.OneLine(hint)))
	}
	r.add("log", a.Log)
	r.add("samples", a.Samples)
}

func exitText(a *inspectedAttempt) string {
	switch {
	case a.ExitCode == nil:
		return ""
	case a.Signal != "":
		return fmt.Sprintf("%d (%s)", *a.ExitCode, a.Signal)
	}
	return strconv.Itoa(*a.ExitCode)
}

// demand writes what the attempt got, and whose idea that was.
func (r *rowsOf) demand(d resources.Demand) {
	pair := func(a resources.Allotment) string {
		return fmt.Sprintf("request %s (%s), limit %s (%s)", a.Request.String(), a.RequestOrigin, a.Limit.String(), a.LimitOrigin)
	}
	if !d.CPU.Limit.IsZero() || !d.CPU.Request.IsZero() {
		r.add("cpu", pair(d.CPU))
		r.add("memory", pair(d.Memory))
	}
	if d.Disk != nil {
		r.add("disk", pair(*d.Disk))
	}
	if shm := d.Shm; shm != nil {
		size := "as large as the memory limit"
		if !shm.Auto {
			size = report.Size(shm.Size)
		}
		r.add("shm", fmt.Sprintf("%s (%s)", size, shm.Origin))
	}
}

func (r *rowsOf) usage(a *inspectedAttempt) {
	if now := a.Now; now != nil {
		text := fmt.Sprintf("memory %s of %s, CPU %.2f s", report.Size(now.Memory), report.Size(a.MemoryLimit), now.CPUSeconds)
		if now.Cores != nil {
			text += fmt.Sprintf(", %.2f cores now", *now.Cores)
		}
		if d := a.Resources.Disk; now.Disk != nil && d != nil {
			text += fmt.Sprintf(", disk %s of %s", report.Size(*now.Disk), report.Size(d.LimitBytes()))
		}
		r.add("uses", text)
		return
	}
	if a.MemoryPeak > 0 || a.CPUSeconds > 0 {
		text := fmt.Sprintf("memory peak %s of %s, CPU %.2f s", report.Size(a.MemoryPeak), report.Size(a.MemoryLimit), a.CPUSeconds)
		if d := a.Disk; d != nil {
			text += fmt.Sprintf(", disk peak %s of %s", report.Size(d.Peak), report.Size(d.Limit))
		}
		r.add("used", text)
		r.disk(a.Disk)
	}
}

// gpuUsage is what an attempt used of one device.
func gpuUsage(g usage.Summary) string {
	text := g.Device.String() + ": "
	switch {
	case g.Peak == nil:
		text += "nobody saw how much of its memory was used"
	case g.Memory == nil:
		text += "memory peak " + report.Size(*g.Peak)
	default:
		text += fmt.Sprintf("memory peak %s of %s", report.Size(*g.Peak), report.Size(*g.Memory))
	}
	if g.Others != nil && *g.Others > 0 {
		text += ", others " + report.Size(*g.Others)
	}
	if g.Busy != nil {
		text += fmt.Sprintf(", busy %.0f %% of the time", *g.Busy*100)
	}
	for _, code := range g.XIDs {
		text += ", " + gpu.XID{Code: code}.String()
	}
	return text
}

// disk writes what of the disk was taken in the end, and where most of it lay.
func (r *rowsOf) disk(d *sandbox.Disk) {
	if d == nil {
		return
	}
	parts := []string{"root file system " + report.Size(d.Layer), "log " + report.Size(d.Log)}
	if d.Scratch > 0 {
		parts = append(parts, "working directory "+report.Size(d.Scratch))
	}
	if d.Deleted > 0 {
		parts = append(parts, "deleted but open "+report.Size(d.Deleted))
	}
	r.add("disk use", report.Size(d.Used)+" at the last look: "+strings.Join(parts, ", "))
	for _, l := range d.Largest {
		r.add("directory", report.Size(l.Bytes)+"  "+report.Path(l.Path))
	}
	r.add("not seen", d.Incomplete)
}

// limits writes how this machine held them: the well held ones in one line.
func (r *rowsOf) limits(all []sandbox.Enforcement) {
	var held []string
	for _, e := range all {
		if e.State == sandbox.Enforced {
			held = append(held, e.Limit)
		}
	}
	r.add("enforced", strings.Join(held, ", "))
	for _, state := range []sandbox.EnforceState{sandbox.Emulated, sandbox.NotEnforced} {
		for _, e := range all {
			if e.State != state {
				continue
			}
			text := e.Limit
			if e.Why != "" {
				text += ": " + e.Why
			}
			r.add(string(state), text)
		}
	}
}

// view writes what the attempt saw.
func (r *rowsOf) view(a *inspectedAttempt) {
	sandboxName := a.Sandbox
	if a.Engine != "" {
		sandboxName = a.Engine
	}
	r.add("sandbox", sandboxName)
	if a.Image != nil {
		r.add("image", strings.TrimSpace(a.Image.Reference+" "+a.Image.ID))
	}
	if a.Spec == nil {
		return
	}
	r.add("network", string(a.Spec.Network))
	r.add("user", a.Spec.User)
	for _, m := range a.Spec.Mounts {
		text := m.Source + " → " + m.Target
		if m.ReadOnly {
			text += " (read-only)"
		}
		r.add("mount", text)
	}
}
