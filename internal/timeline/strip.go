// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"time"

	"drydock/internal/report"
)

// strip is an amount over time that has a panel of its own on a page, and a
// line in a text. What is to be shown beside memory and CPU is an entry of
// strips; what a Point holds of it goes into pointDocument and columns as well.
type strip struct {
	name  string  // before its line of text
	title string  // above its panel
	class string  // its look in page.css
	limit float64 // 0: none
	peak  float64 // the most that is known of, by a point or by the outcome
	of    func(Point) (float64, bool)
	text  func(float64) string
	ticks func(top float64, most int) []tick
}

// strips are those that something is known of.
func (a *Attempt) strips() []strip {
	diskPeak, _, _ := a.PeakDisk()
	all := []strip{{
		name: "disk", title: "Disk used", class: "disk", limit: float64(a.DiskLimit), peak: float64(diskPeak),
		of: func(p Point) (float64, bool) {
			if p.Disk == nil {
				return 0, false
			}
			return float64(*p.Disk), true
		},
		text: func(bytes float64) string { return report.Size(int64(bytes)) }, ticks: sizeTicks,
	}}
	all = append(all, a.gpuStrips()...)
	var known []strip
	for _, s := range all {
		for _, p := range a.Points {
			if _, ok := s.of(p); ok {
				known = append(known, s)
				break
			}
		}
	}
	return known
}

// top is where the strip's axis ends.
func (s *strip) top() float64 {
	if !offScale(s.limit, s.peak) {
		return top(s.peak, s.limit)
	}
	return top(s.peak * 1.2)
}

// said is the strip in words.
func (s *strip) said() string {
	text := "at most " + s.text(s.peak)
	if s.limit > 0 {
		text += ", limit " + s.text(s.limit)
	}
	return text
}

// level is what an amount was from one moment to the next.
type level struct {
	at   time.Duration // where it begins
	most float64
}

// levels are what a strip shows in n columns of a time line: the most of each.
func levels(points []Point, length time.Duration, n int, of func(Point) (float64, bool)) []level {
	var all []level
	column := -1
	for _, p := range points {
		v, ok := of(p)
		if !ok {
			continue
		}
		if c := columnOf(p.At, length, n); c != column || len(points) <= n {
			all, column = append(all, level{at: p.At, most: v}), c
			continue
		}
		last := &all[len(all)-1]
		last.most = max(last.most, v)
	}
	return all
}

// strip draws the amount as steps: it was looked at now and then, and holds
// until the next look.
func (f *figure) strip(p panel, s strip) {
	f.panelTitle(p, s.title, s.ticks(p.max, 4))
	var line []point
	for _, l := range levels(f.a.Points, f.length, int(plotWidth), s.of) {
		x, y := f.x(l.at), p.y(l.most)
		if n := len(line); n > 0 {
			line = append(line, point{x, line[n-1].y})
		}
		line = append(line, point{x, y})
	}
	first, last := line[0].x, line[len(line)-1].x
	area := append([]point{{first, p.bottom()}}, line...)
	f.path("area "+s.class, true, append(area, point{last, p.bottom()}))
	f.path("line "+s.class, false, line)
	f.values(p, f.stripValues(p, s))
}

func (f *figure) stripValues(p panel, s strip) []value {
	var values []value
	switch {
	case s.limit > p.max:
		values = append(values, value{want: p.top, text: "limit " + s.text(s.limit) + " ↑", class: "limit"})
	case s.limit > 0:
		f.line("level limit", plotLeft, p.y(s.limit), plotRight, p.y(s.limit))
		values = append(values, value{want: p.y(s.limit), text: "limit " + s.text(s.limit), class: "limit"})
	}
	if s.peak > 0 {
		values = append(values, value{want: p.y(s.peak), text: "most " + s.text(s.peak), class: "peak"})
	}
	return values
}

// strips draws them in characters.
func (s *sheet) strips(a *Attempt) {
	for _, strip := range a.strips() {
		top := strip.peak
		if !offScale(strip.limit, top) {
			top = max(top, strip.limit)
		}
		s.row(strip.name)
		fmt.Fprintf(s, " %s\n", s.spark(a, max(top, 1), strip.of))
		s.say(strip.said())
	}
}
