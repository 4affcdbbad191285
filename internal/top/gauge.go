// SPDX-License-Identifier: Apache-2.0

package top

import (
	"fmt"
	"strconv"

	"drydock/internal/report"
)

// gauge is something that a task has a limit of: a column of figures, and one
// of sparklines. What is to be shown beside is an entry of gauges.
type gauge struct {
	title string
	text  func(*Task) string
	fill  func(*Task) float64 // the part of the limit that is used; 0: no limit, or not known
	full  func(Look) func(string) string
	limit func(*Task) float64 // a sparkline's top; 0: the highest value is
	// points are what a sparkline is of; nil: the task's Recent.
	points func(*Task) []Point
	at     func(Point) (float64, bool)
	sizes  bool // its text is long, and may be shortened to fill
	// shown reports whether a task has it at all; nil: every task has.
	shown func(*Task) bool
}

var gauges = []gauge{
	{
		title: "CPU", text: cpuText,
		fill:  (*Task).cpuFill,
		full:  func(l Look) func(string) string { return l.Style.Warn }, // it waits, and nothing worse
		limit: func(t *Task) float64 { return t.CPULimit },
		at:    func(p Point) (float64, bool) { return deref(p.Cores) },
	},
	{
		title: "MEMORY", text: func(t *Task) string { return sizeText(t.Memory, t.MemoryLimit) },
		fill: (*Task).fill, full: func(l Look) func(string) string { return l.Style.Bad },
		limit: func(t *Task) float64 { return float64(t.MemoryLimit) },
		at:    func(p Point) (float64, bool) { return float64(p.Memory), true },
		sizes: true,
	},
	{
		title: "DISK", text: func(t *Task) string { return sizeText(t.Disk, t.DiskLimit) },
		fill: (*Task).diskFill, full: func(l Look) func(string) string { return l.Style.Bad },
		limit: func(t *Task) float64 { return float64(t.DiskLimit) },
		at:    func(p Point) (float64, bool) { n, ok := deref(p.Disk); return float64(n), ok },
		sizes: true,
		shown: func(t *Task) bool { return t.DiskLimit > 0 },
	},
	{
		title: "GPU", text: gpuText,
		fill: (*Task).gpuFill, full: func(l Look) func(string) string { return l.Style.Warn }, // a framework may take all at once
		limit:  func(t *Task) float64 { return float64(t.GPULimit) },
		points: func(t *Task) []Point { return t.RecentGPU },
		at:     func(p Point) (float64, bool) { return float64(p.GPU), true },
		sizes:  true,
		shown:  func(t *Task) bool { return t.GPU != nil || t.GPULimit > 0 },
	},
}

// gaugesOf are those that a task of the snapshot has.
func gaugesOf(s Snapshot) []gauge {
	var all []gauge
	for _, g := range gauges {
		shown := g.shown == nil
		for i := range s.Tasks {
			shown = shown || g.shown(&s.Tasks[i])
		}
		if shown {
			all = append(all, g)
		}
	}
	return all
}

func (g *gauge) recent(t *Task) []Point {
	if g.points != nil {
		return g.points(t)
	}
	return t.Recent
}

func (g *gauge) has(t *Task) bool { return g.shown == nil || g.shown(t) }

func deref[T any](p *T) (v T, ok bool) {
	if p == nil {
		return v, false
	}
	return *p, true
}

// unknown is shown in the place of a figure.
const unknown = "-"

func cpuText(t *Task) string {
	text := unknown
	if t.Cores != nil {
		text = fmt.Sprintf("%.2f", *t.Cores)
	}
	if t.CPULimit > 0 {
		text += " of " + strconv.FormatFloat(t.CPULimit, 'f', -1, 64)
	}
	return text
}

func gpuText(t *Task) string {
	text := sizeText(t.GPU, t.GPULimit)
	if t.GPUBusy != nil {
		text += fmt.Sprintf(", busy %.0f %%", *t.GPUBusy*100)
	}
	return text
}

func sizeText(used *int64, limit int64) string {
	text := unknown
	if used != nil {
		text = report.Size(*used)
	}
	if limit > 0 {
		text += " of " + report.Size(limit)
	}
	if used != nil && limit > 0 {
		text += fmt.Sprintf(", %d %%", int(part(used, limit)*100))
	}
	return text
}
