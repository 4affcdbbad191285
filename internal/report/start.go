// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
)

// Start tells at the beginning with what a task runs, everything that this
// machine does not hold as a cluster would, and what it holds more strictly.
// Later attempts differ in what Retry says, so that theirs is empty.
func Start(s Style, id string, attempt int, a *executor.Admitted) string {
	if attempt > 1 {
		return ""
	}
	var b strings.Builder
	what := demand(a.Resources)
	if text := a.Accelerators.String(); text != "" {
		what += ", gpu " + oneLine(text)
	}
	if a.Image != "" {
		what += ", image " + oneLine(a.Image)
	}
	fmt.Fprintf(&b, "drydock %s: %s\n", id, s.bold(what))
	var emulated []string
	for _, e := range a.Limits {
		switch e.State {
		case sandbox.NotEnforced:
			fmt.Fprintf(&b, "  %s %s\n", s.Warn("not enforced:"), because(e.Limit, e.Why))
		case sandbox.Enforced:
			if e.Why != "" { // in a way that was chosen
				fmt.Fprintf(&b, "  %s %s\n", s.dim("enforced:"), because(e.Limit, e.Why))
			}
		case sandbox.Emulated:
			emulated = append(emulated, e.Limit)
		}
	}
	if len(emulated) > 0 {
		fmt.Fprintf(&b, "  %s %s (drydock doctor says how)\n", s.dim("emulated:"), strings.Join(emulated, ", "))
	}
	for _, w := range a.Warnings {
		fmt.Fprintf(&b, "  %s %s\n", s.Warn("note:"), oneLine(w.Text))
	}
	return b.String()
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + " (" + oneLine(why) + ")"
}

// demand is what an attempt gets, in a few words.
func demand(d resources.Demand) string {
	parts := []string{"memory " + allotment(d.Memory), "cpu " + allotment(d.CPU)}
	if d.Shm != nil {
		size := "auto"
		if !d.Shm.Auto {
			size = resources.FormatSize(d.Shm.Size)
		}
		parts = append(parts, "shm "+size)
	}
	if d.Disk != nil {
		parts = append(parts, "disk "+allotment(*d.Disk))
	}
	return strings.Join(parts, ", ")
}

// allotment is "64Mi", or "1Gi to 2Gi" where request and limit differ.
func allotment(a resources.Allotment) string {
	request, limit := a.Request.String(), a.Limit.String()
	if request == limit {
		return limit
	}
	return request + " to " + limit
}

// Waiting tells that there is no room yet.
func Waiting(s Style, why string) string {
	return "drydock: " + s.dim(why) + "\n"
}

const longImage = 40

// Pull tells how far an attempt's image has come.
func Pull(s Style, p *executor.Pull) string {
	image := oneLine(p.Image)
	if len(image) > longImage { // the line is drawn over itself, so it must not wrap
		image = image[:longImage] + "…"
	}
	text := "pulling " + image
	if p.Finished {
		text = "pulled " + image
	}
	switch {
	case p.Finished && p.Done > 0:
		text += ", " + size(p.Done)
	case p.Total > 0:
		text += fmt.Sprintf(": %s of %s", size(p.Done), size(p.Total))
	case p.Done > 0:
		text += ": " + size(p.Done)
	}
	return "drydock: " + s.dim(text)
}

// Retry tells that another attempt follows.
func Retry(s Style, r *executor.Retried) string {
	after := ""
	if r.Delay > 0 {
		after = " in " + lasted(r.Delay)
	}
	return fmt.Sprintf("drydock: %s (attempt %d%s)\n", s.Warn(oneLine(r.Reason)), r.Number, after)
}
