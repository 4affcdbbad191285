// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"drydock/internal/report"
	"drydock/sandbox"
)

// class is a part of memory in the order in which they are stacked: what a
// program cannot do without at the bottom, page cache, which the kernel takes
// back before it kills, on top.
type class struct {
	name  string
	about string
	of    func(*sandbox.Breakdown) int64
}

var classes = []class{
	{"anon", "heap", func(b *sandbox.Breakdown) int64 { return b.Anon }},
	{"shmem", "/dev/shm, shared", func(b *sandbox.Breakdown) int64 { return b.Shmem }},
	{"kernel", "page tables, …", func(b *sandbox.Breakdown) int64 { return b.Kernel }},
	{"file", "page cache", func(b *sandbox.Breakdown) int64 { return b.File }},
}

func (f *figure) memory(p panel) {
	f.legend()
	f.panelTitle(p, "", sizeTicks(p.max, 7))
	f.stacked(p)
	values := f.memoryLines(p)
	values = append(values, f.peak(p)...)
	f.values(p, values)
}

// legend names the colours of memory.
func (f *figure) legend() {
	f.text("panel", plotLeft, 14, atStart, "Memory")
	x := plotLeft + 66
	for _, c := range classes {
		f.rect("swatch "+c.name, x, 5, 10, 10)
		text := c.name + " (" + c.about + ")"
		f.text("legend", x+15, 14, atStart, text)
		x += 15 + textWidth(text) + 14
	}
	if f.hasGap() {
		f.gapRect("swatch", x, 5, 10, 10)
		f.text("legend", x+15, 14, atStart, "not sampled")
	}
}

// gapRect is a rectangle in the look of memory whose kind is not known.
func (f *figure) gapRect(class string, x, y, w, h float64) {
	f.raw(`<rect class="%s gap" x="%s" y="%s" width="%s" height="%s" fill="url(#%s)"/>`+"\n",
		class, px(x), px(y), px(w), px(h), figureID(f.a.Number, "hatch"))
}

// known are the points that say something about memory. Before the first one
// the program is taken to grow from nothing: it has just begun.
func (f *figure) known() []Point {
	var known []Point
	for _, p := range f.points {
		if p.Kind != AtEnd {
			known = append(known, p)
		}
	}
	if len(known) > 0 && known[0].At > 0 {
		known = append([]Point{{Kind: Sampled, Breakdown: &sandbox.Breakdown{}}}, known...)
	}
	return known
}

// total is all memory at a point: the usage is read a moment before its parts.
func total(p Point) int64 { return max(p.Memory, sum(p.Breakdown)) }

// hasGap reports whether so much memory is of no known kind that it is seen.
// What is left of a killed program vanishes too fast to be of any.
func (f *figure) hasGap() bool {
	for _, p := range f.known() {
		if o := f.a.Outcome; o != nil && !o.KillSeenAt.IsZero() && p.At > o.KillSeenAt.Sub(o.StartedAt) {
			break
		}
		if float64(total(p)-sum(p.Breakdown)) > f.panels[0].max/50 {
			return true
		}
	}
	return false
}

// stacked draws the parts of memory on each other, and the whole as a line.
func (f *figure) stacked(p panel) {
	known := f.known()
	if len(known) == 0 {
		return
	}
	base := make([]float64, len(known))
	for _, c := range classes {
		upper := make([]float64, len(known))
		for i, at := range known {
			upper[i] = base[i]
			if at.Breakdown != nil {
				upper[i] += float64(c.of(at.Breakdown))
			}
		}
		f.path("area "+c.name, true, f.between(p, known, base, upper))
		base = upper
	}
	whole := make([]float64, len(known))
	for i, at := range known {
		whole[i] = float64(total(at))
	}
	if f.hasGap() {
		f.gap(f.between(p, known, base, whole))
	}
	line := make([]point, len(known))
	for i := range known {
		line[i] = point{f.x(known[i].At), p.y(whole[i])}
	}
	f.path("total", false, line)
}

func (f *figure) gap(points []point) {
	f.raw(`<g fill="url(#%s)">`, figureID(f.a.Number, "hatch"))
	f.path("gap", true, points)
	f.raw("</g>\n")
}

// between is the area between two heights over time.
func (f *figure) between(p panel, known []Point, lower, upper []float64) []point {
	area := make([]point, 0, 2*len(known))
	for i := range known {
		area = append(area, point{f.x(known[i].At), p.y(upper[i])})
	}
	for i := len(known) - 1; i >= 0; i-- {
		area = append(area, point{f.x(known[i].At), p.y(lower[i])})
	}
	return area
}

// memoryLines draws limit and request.
func (f *figure) memoryLines(p panel) []value {
	var values []value
	add := func(kind string, n int64) {
		text := kind + " " + report.Size(n)
		if float64(n) > p.max { // beyond the picture
			values = append(values, value{want: p.top, text: text + " ↑", class: kind})
			return
		}
		y := p.y(float64(n))
		f.line("level "+kind, plotLeft, y, plotRight, y)
		values = append(values, value{want: y, text: text, class: kind})
	}
	if f.a.MemoryLimit > 0 {
		add("limit", f.a.MemoryLimit)
	}
	if r := f.a.MemoryRequest; r > 0 && r < f.a.MemoryLimit {
		add("request", r)
	}
	return values
}

// peak marks the highest point, or, where it lies between two samples, its
// height only.
func (f *figure) peak(p panel) []value {
	peak, at, sampled := f.a.Peak()
	if peak == 0 {
		return nil
	}
	y := p.y(float64(peak))
	text := "peak " + report.Size(peak)
	if sampled {
		f.raw(`<circle class="peak" cx="%s" cy="%s" r="4"/>`+"\n", px(f.x(at)), px(y))
	} else {
		f.line("level peak", plotLeft, y, plotRight, y)
	}
	return []value{{want: y, text: text, class: "peak"}}
}
