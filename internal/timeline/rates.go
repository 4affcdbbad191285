// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"time"

	"drydock/sandbox"
)

func (f *figure) cpu(p panel) {
	f.panelTitle(p, "CPU, cores used", plainTicks(p.max, 4))
	f.rate(p, "cpu", func(r *Rates) (float64, bool) { return r.Cores, true })
	var values []value
	if limit := f.a.CPULimit; limit > p.max {
		values = append(values, value{want: p.top, text: "limit " + cores(limit) + " ↑", class: "limit"})
	} else if limit > 0 {
		f.line("level limit", plotLeft, p.y(limit), plotRight, p.y(limit))
		values = append(values, value{want: p.y(limit), text: "limit " + cores(limit), class: "limit"})
	}
	if most := f.a.PeakCores(); most > 0 {
		values = append(values, value{want: p.y(most), text: "most " + cores(most), class: "peak"})
	}
	f.values(p, values)
}

// rate draws what a rate was: the mean of each column as an area, the most as
// a line.
func (f *figure) rate(p panel, class string, value func(*Rates) (float64, bool)) {
	all := bands(f.a.Points, f.length, int(plotWidth), value)
	if len(all) == 0 {
		return
	}
	mean, most := make([]point, 0, 2*len(all)), make([]point, 0, 2*len(all))
	from := time.Duration(0)
	for _, b := range all { // steps: a rate holds for a stretch of time
		x1, x2 := f.x(from), f.x(b.at)
		mean = append(mean, point{x1, p.y(b.mean)}, point{x2, p.y(b.mean)})
		most = append(most, point{x1, p.y(b.most)}, point{x2, p.y(b.most)})
		from = b.at
	}
	area := append([]point{{f.x(0), p.bottom()}}, mean...)
	area = append(area, point{f.x(from), p.bottom()})
	f.path("area "+class, true, area)
	f.path("line "+class, false, most)
}

// wait is something that processes waited for.
type wait struct {
	title string
	of    func(*Rates) *sandbox.Stall
}

// waits are those that this machine counts.
func (f *figure) waits() []wait {
	all := []wait{
		{"Waiting for memory, % of the time", func(r *Rates) *sandbox.Stall { return r.Memory }},
		{"Waiting for CPU, % of the time", func(r *Rates) *sandbox.Stall { return r.CPU }},
	}
	var known []wait
	for _, w := range all {
		for _, p := range f.a.Points {
			if p.Rates != nil && w.of(p.Rates) != nil {
				known = append(known, w)
				break
			}
		}
	}
	return known
}

func (f *figure) waiting(p panel, w wait) {
	f.panelTitle(p, w.title, []tick{{0, "0"}, {1, "100"}})
	x := plotLeft + 1.2*textWidth(w.title) + 20 // bold
	for _, s := range []struct{ class, text string }{{"some", "some processes"}, {"full", "all at once"}} {
		f.rect("swatch "+s.class, x, p.top-18, 10, 10)
		f.text("legend", x+15, p.top-9, atStart, s.text)
		x += 15 + textWidth(s.text) + 14
	}
	part := func(of func(*sandbox.Stall) float64) func(*Rates) (float64, bool) {
		return func(r *Rates) (float64, bool) {
			s := w.of(r)
			if s == nil {
				return 0, false
			}
			return of(s), true
		}
	}
	some := part(func(s *sandbox.Stall) float64 { return s.Some })
	full := part(func(s *sandbox.Stall) float64 { return s.Full })
	f.rate(p, "some", some)
	f.rate(p, "full", full)
	most := func(value func(*Rates) (float64, bool)) float64 {
		m := 0.0
		for _, b := range bands(f.a.Points, f.length, 1<<30, value) {
			m = max(m, b.most)
		}
		return m
	}
	f.values(p, []value{
		{want: p.y(most(some)), text: "some: " + upTo(most(some)), class: "some"},
		{want: p.y(most(full)), text: "all: " + upTo(most(full)), class: "full"},
	})
}
