// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
)

//go:embed page.md
var pageHead string

// Page writes docs/fidelity.md from what the kubelet did and what was
// recorded of the backends.
func Page(recorded map[string]Result) []byte {
	var p page
	for _, name := range Backends {
		if r, ok := recorded[name]; ok {
			p.results = append(p.results, r)
		}
	}
	p.WriteString(pageHead)
	p.section("Out of memory", "oom", p.behaviours)
	p.section("Other ends", "ends", p.behaviours)
	p.section("/dev/shm and huge pages", "shm", p.behaviours)
	p.section("Cgroup files", "files", p.facts)
	p.section("Inside", "inside", p.facts)
	p.reasons()
	p.notTried()
	p.Truncate(len(bytes.TrimRight(p.Bytes(), "\n")))
	p.WriteString("\n")
	return p.Bytes()
}

type page struct {
	bytes.Buffer
	results []Result // the columns
}

func (p *page) section(title, group string, table func([]Behaviour)) {
	fmt.Fprintf(p, "## %s\n\n", title)
	var all []Behaviour
	for _, b := range Behaviours() {
		if b.Group == group {
			all = append(all, b)
		}
	}
	table(all)
}

// header begins a table; after the first columns come the kubelet's and one
// for each backend.
func (p *page) header(first ...string) {
	columns := append(first, "kubelet, v2", "kubelet, v1")
	for _, r := range p.results {
		columns = append(columns, r.On().Title())
	}
	fmt.Fprintf(p, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
}

// behaviours is a table with a line for each behaviour.
func (p *page) behaviours(all []Behaviour) {
	p.header("id", "what happens")
	for _, b := range all {
		cells := []string{"`" + b.ID + "`" + also(b.ID), b.Situation, story(b.V2), story(b.V1)}
		for _, r := range p.results {
			cells = append(cells, verdict(b, r))
		}
		p.line(cells)
	}
	p.WriteString("\n")
}

// also names the conformance cases that go further.
func also(id string) string {
	if len(Also[id]) == 0 {
		return ""
	}
	return " (" + strings.Join(Also[id], ", ") + ")"
}

// verdict says how a backend compares in one cell.
func verdict(b Behaviour, r Result) string {
	got, word := seen(b, r)
	if got == nil {
		return word
	}
	cell := "same"
	if deviations := Compare(b, r.On(), got); len(deviations) > 0 {
		cell = tell(deviations)
		if other, version := b.other(r.Cgroup); other != nil && matches(other, got) {
			cell = fmt.Sprintf("as on v%d%s", version, number(deviations[0].Reason))
		}
	}
	// A reason of the kubelet's that drydock has a better word for.
	if v := got["verdict"]; v != "" && got["reason"] == "Error" && v != "Error" {
		cell += " (" + v + ")"
	}
	return cell
}

// tell says what differs, and the reasons once each.
func tell(deviations []Deviation) string {
	var parts []string
	for i, d := range deviations {
		part := d.Fact + " " + value(d.Got)
		if i+1 == len(deviations) || deviations[i+1].Reason != d.Reason {
			part += number(d.Reason)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// matches reports whether all that a kubelet told was seen.
func matches(kubelet, got Facts) bool {
	for fact, value := range kubelet {
		if got[fact] != value {
			return false
		}
	}
	return true
}

// seen is what was recorded of a behaviour, or a word for why nothing was.
func seen(b Behaviour, r Result) (Facts, string) {
	if got, ok := r.Facts[b.ID]; ok {
		return got, ""
	}
	if why, ok := r.Skipped[b.ID]; ok {
		return nil, "not tried: " + why
	}
	return nil, "not tried"
}

func (p *page) line(cells []string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	fmt.Fprintf(p, "| %s |\n", strings.Join(cells, " | "))
}

// number is a reason's place in the list below the tables.
func number(r *Reason) string {
	for i, known := range reasons {
		if known == r {
			return fmt.Sprintf(" [%d](#differences)", i+1)
		}
	}
	return " **?**"
}

func (p *page) reasons() {
	p.WriteString("## Differences\n\nAll of them are on purpose:\n\n")
	for i, r := range reasons {
		fmt.Fprintf(p, "%d. **%s.** %s\n", i+1, r.Name, r.Why)
	}
	p.WriteString("\n")
}

// notTried lists what a sandbox of one command is not asked.
func (p *page) notTried() {
	p.WriteString("## Not tried\n\n| id | what happens | kubelet, v2 | kubelet, v1 | why not |\n| --- | --- | --- | --- | --- |\n")
	for _, b := range Behaviours() {
		if why := NotTried[b.ID]; why != "" {
			p.line([]string{"`" + b.ID + "`" + also(b.ID), b.Situation, story(b.V2), story(b.V1), why})
		}
	}
}
