// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"strings"
	"time"

	"drydock/internal/report"
)

// The figure's measures, in its own pixels; a page scales it to its width.
const (
	figureWidth  = 980.0
	plotLeft     = 70.0
	plotRight    = 842.0 // the values' names stand to the right of it
	plotWidth    = plotRight - plotLeft
	memoryHeight = 240.0
	cpuHeight    = 76.0
	waitHeight   = 40.0
	stripHeight  = 60.0
	laneHeight   = 18.0
	titleHeight  = 24.0 // above each panel
	axisHeight   = 40.0
)

// figure draws one attempt: its memory, its CPU, its strips and its waiting
// over time.
type figure struct {
	canvas
	a      *Attempt
	length time.Duration
	points []Point // thinned
	strips []strip
	panels []panel
	labels []label
	top    float64 // where the first plot begins
	end    float64 // where the last one ends
}

// x is the place of a moment.
func (f *figure) x(at time.Duration) float64 {
	return plotLeft + plotWidth*min(1, max(0, float64(at)/float64(f.length)))
}

// draw returns the attempt's figure as SVG, or "" when there is nothing to
// draw. memoryTop is where the axis of memory ends; 0: where it fits.
func draw(a *Attempt, memoryTop float64) string {
	if len(a.Points) == 0 && len(a.Marks) == 0 {
		return ""
	}
	f := &figure{a: a, length: max(a.Duration(), time.Millisecond)}
	f.points, f.strips = thin(a.Points, f.length, int(plotWidth)), a.strips()
	f.layOut(memoryTop)
	f.grid()
	f.memory(f.panels[0])
	f.cpu(f.panels[1])
	rest := f.panels[2:]
	for _, s := range f.strips {
		f.strip(rest[0], s)
		rest = rest[1:]
	}
	for i, w := range f.waits() {
		f.waiting(rest[i], w)
	}
	f.marks()
	f.timeAxis()
	f.pointers()
	return f.open() + f.b.String() + "</svg>\n"
}

// layOut finds where everything goes.
func (f *figure) layOut(memoryTop float64) {
	for _, m := range f.a.Marks {
		f.labels = append(f.labels, label{x: f.x(m.At), text: m.Text + f.when(m), class: string(m.Kind)})
	}
	lanes := place(f.labels, figureWidth-4)
	y := titleHeight + float64(lanes)*laneHeight
	f.top = y + 4
	if memoryTop == 0 {
		memoryTop = f.a.memoryTop()
	}
	add := func(height, max float64) {
		f.panels = append(f.panels, panel{top: y + 4, height: height, max: max})
		y += 4 + height + titleHeight + 8
	}
	add(memoryHeight, memoryTop)
	add(cpuHeight, f.a.cpuTop())
	for _, s := range f.strips {
		add(stripHeight, s.top())
	}
	for range f.waits() {
		add(waitHeight, 1)
	}
	f.end = f.panels[len(f.panels)-1].bottom()
}

// when is the moment of a mark, in words; the start's is the date.
func (f *figure) when(m Mark) string {
	if m.Kind == MarkStarted {
		return " " + f.a.Start.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return " at " + since(m.At)
}

// memoryTop is where an axis of memory ends that fits the attempt.
func (a *Attempt) memoryTop() float64 {
	peak, _, _ := a.Peak()
	if limit := float64(a.MemoryLimit); !offScale(limit, float64(peak)) {
		return top(float64(peak), limit)
	}
	return top(float64(peak) * 1.2)
}

// cpuTop is where an axis of CPU ends that fits the attempt.
func (a *Attempt) cpuTop() float64 {
	used := a.PeakCores()
	if !offScale(a.CPULimit, used) {
		return top(used, a.CPULimit)
	}
	return top(used * 1.2)
}

// open is the beginning of the figure, with its texts for those who do not
// see it.
func (f *figure) open() string {
	title, desc := figureID(f.a.Number, "title"), figureID(f.a.Number, "desc")
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-labelledby="%s %s">`+"\n"+
		`<title id="%s">%s</title>`+"\n"+`<desc id="%s">%s</desc>`+"\n"+
		`<defs><pattern id="%s" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>`+"\n",
		px(figureWidth), px(f.end+axisHeight), title, desc,
		title, esc(fmt.Sprintf("Memory and CPU of attempt %d over time", f.a.Number)), desc, esc(describe(f.a)),
		figureID(f.a.Number, "hatch"))
}

// describe tells in words what the figure shows.
func describe(a *Attempt) string {
	var s []string
	peak, at, sampled := a.Peak()
	text := fmt.Sprintf("Memory rose to %s", report.Size(peak))
	if sampled {
		text += " at " + since(at)
	}
	if a.MemoryLimit > 0 {
		text += ", the limit is " + report.Size(a.MemoryLimit)
	}
	s = append(s, text+".")
	if most := a.PeakCores(); most > 0 {
		text = "At most " + cores(most) + " were used"
		if a.CPULimit > 0 {
			text += ", the limit is " + cores(a.CPULimit)
		}
		s = append(s, text+".")
	}
	for _, strip := range a.strips() {
		s = append(s, strip.title+": "+strip.said()+".")
	}
	for _, m := range a.Marks {
		if m.Kind != MarkStarted {
			s = append(s, fmt.Sprintf("After %s: %s.", since(m.At), m.Text))
		}
	}
	return strings.Join(s, " ")
}

// grid draws the panels' frames and the lines of round times.
func (f *figure) grid() {
	for _, p := range f.panels {
		for _, t := range timeTicks(f.length, 9)[1:] {
			x := f.x(seconds(t.at))
			f.line("grid", x, p.top, x, p.bottom())
		}
		f.line("axis", plotLeft, p.bottom(), plotRight, p.bottom())
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (f *figure) timeAxis() {
	for _, t := range timeTicks(f.length, 9) {
		x := f.x(seconds(t.at))
		f.line("axis", x, f.end, x, f.end+4)
		f.text("tick", x, f.end+17, atMid, t.text)
	}
	f.text("note", plotRight, f.end+32, atRight, "time since the start")
}

// marks draws a line down from each label.
func (f *figure) marks() {
	for _, l := range f.labels {
		y := titleHeight + float64(l.lane)*laneHeight
		f.line("mark "+l.class, l.x, y+4, l.x, f.end)
	}
	for _, l := range f.labels { // above all lines
		dx := float64(labelGap)
		if l.anchor == atRight {
			dx = -dx
		}
		f.text("event "+l.class, l.x+dx, titleHeight+float64(l.lane)*laneHeight+laneHeight-5, l.anchor, l.text)
	}
}

// mostPointers is how many stretches of time tell their figures when somebody
// points at them.
const mostPointers = 110

// pointers lay stretches over the plots that show figures: without a script
// this is all that can follow a mouse.
func (f *figure) pointers() {
	shown := thin(f.a.Points, f.length, mostPointers)
	for i, p := range shown {
		from, to := plotLeft, plotRight
		if i > 0 {
			from = (f.x(shown[i-1].At) + f.x(p.At)) / 2
		}
		if i+1 < len(shown) {
			to = (f.x(shown[i+1].At) + f.x(p.At)) / 2
		}
		f.titled("pointer", from, f.top, to-from, f.end-f.top, pointText(p))
	}
}

func pointText(p Point) string {
	parts := []string{since(p.At)}
	if p.Kind != AtEnd {
		parts = append(parts, "memory "+report.Size(p.Memory))
	}
	if b := p.Breakdown; b != nil {
		parts = append(parts, split(b))
	}
	if p.Disk != nil {
		parts = append(parts, "disk "+report.Size(*p.Disk))
	}
	for i, u := range p.GPU {
		if u.Memory != nil {
			parts = append(parts, gpuName(i, len(p.GPU))+" memory "+report.Size(*u.Memory))
		}
	}
	if busy, ok := gpuBusy(p.GPU); ok {
		parts = append(parts, "GPU busy "+percent(busy))
	}
	if r := p.Rates; r != nil {
		parts = append(parts, cores(r.Cores))
		if r.Memory != nil {
			parts = append(parts, "waiting for memory "+percent(r.Memory.Some))
		}
		if r.CPU != nil {
			parts = append(parts, "waiting for CPU "+percent(r.CPU.Some))
		}
	}
	return strings.Join(parts, "; ")
}
