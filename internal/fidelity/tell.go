// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"maps"
	"slices"
	"strings"
)

// story tells facts in one cell: first how it ended, then the rest.
func story(f Facts) string {
	if f == nil {
		return ""
	}
	var parts []string
	if reason := f["reason"]; reason != "" {
		parts = append(parts, strings.TrimSpace("**"+reason+"** "+f["exit"]))
	}
	if phase := f["phase"]; phase != "" {
		parts = append(parts, strings.TrimSpace("pod "+phase+" "+f["pod reason"]))
	}
	for _, fact := range slices.Sorted(maps.Keys(f)) {
		switch fact {
		case "reason", "exit", "phase", "pod reason":
		default:
			parts = append(parts, fact+" "+value(f[fact]))
		}
	}
	return strings.Join(parts, "; ")
}

// value is a fact's value in a cell.
func value(v string) string {
	switch {
	case v == "":
		return "empty"
	case v == absent:
		return "none"
	case strings.Contains(v, "`"):
		return v
	default:
		return "`" + v + "`"
	}
}

// facts is a table with a line for each fact of each behaviour.
func (p *page) facts(all []Behaviour) {
	for _, b := range all {
		p.WriteString("`" + b.ID + "`" + also(b.ID) + ": " + b.Situation + "\n\n")
		p.header("fact")
		for _, fact := range p.factsOf(b) {
			p.line(p.fact(b, fact))
		}
		p.WriteString("\n")
	}
}

// factsOf are all that a kubelet or a backend has told.
func (p *page) factsOf(b Behaviour) []string {
	all := map[string]bool{}
	add := func(f Facts) {
		for fact := range f {
			all[fact] = true
		}
	}
	add(b.V1)
	add(b.V2)
	for _, r := range p.results {
		add(r.Facts[b.ID])
	}
	return slices.Sorted(maps.Keys(all))
}

func (p *page) fact(b Behaviour, fact string) []string {
	cells := []string{fact, factValue(b.V2, fact), factValue(b.V1, fact)}
	for _, r := range p.results {
		got, word := seen(b, r)
		if got == nil {
			cells = append(cells, word)
			continue
		}
		cell := factValue(got, fact)
		if want, own := b.Kubelet(r.Cgroup); isComparable(fact, own) && cell != "" && cell == factValue(want, fact) {
			cell = "same"
		}
		for _, d := range Compare(b, r.On(), got) {
			if d.Fact == fact {
				cell = value(d.Got) + number(d.Reason)
			}
		}
		cells = append(cells, cell)
	}
	return cells
}

func factValue(f Facts, fact string) string {
	v, ok := f[fact]
	if !ok {
		return ""
	}
	return value(v)
}
