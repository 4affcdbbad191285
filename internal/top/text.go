// SPDX-License-Identifier: Apache-2.0

package top

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"drydock/internal/report"
)

// Look says how a table may look.
type Look struct {
	Style         report.Style
	Unicode       bool
	Width, Height int // of the screen; 0: as much as it takes
}

// Near is the part of a limit from which on a number is marked.
const near = 0.9

// Text draws a snapshot as a table.
func Text(s Snapshot, look Look) string {
	lines := []string{look.summary(s), ""}
	lines = append(lines, look.table(s)...)
	if h := look.Height; h > 0 && len(lines) > h {
		more := len(lines) - h + 1
		lines = append(lines[:h-1], look.Style.Dim(fmt.Sprintf("… %d more", more)))
	}
	return strings.Join(lines, "\n") + "\n"
}

// summary is what all tasks use together.
func (l Look) summary(s Snapshot) string {
	var running, queued int
	var cores float64
	var memory int64
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if t.running() == 0 {
			queued++
			continue
		}
		running++
		cores += t.cores()
		if t.Memory != nil {
			memory += *t.Memory
		}
	}
	text := fmt.Sprintf("%d running, %d queued · CPU %.2f", running, queued, cores)
	if s.Cores > 0 {
		text += " of " + strconv.FormatFloat(s.Cores, 'f', -1, 64)
	}
	text += " · memory " + report.Size(memory)
	if s.Memory > 0 {
		text += " of " + report.Size(s.Memory)
	}
	if !l.Unicode {
		text = strings.ReplaceAll(text, "·", "-")
	}
	return shorten(text, l.Width)
}

// column is one of the table: its texts, and how they are painted.
type column struct {
	texts []string
	paint []func(string) string // nil: as it is
	right bool                  // aligned to the right
}

func (c *column) add(text string, paint func(string) string) {
	c.texts = append(c.texts, text)
	c.paint = append(c.paint, paint)
}

const (
	nameWidth = 20
	leastName = 12 // where the screen is narrow
	// sparkMost and sparkLeast bound how wide a sparkline is; below the least
	// there is none.
	sparkMost, sparkLeast = 30, 6
)

func (l Look) table(s Snapshot) []string {
	columns := make([]column, 8)
	columns[2].right, columns[3].right = true, true
	for i, title := range []string{"ID", "NAME", "AGE", "TRY", "CPU", "", "MEMORY", ""} {
		columns[i].add(title, l.Style.Dim)
	}
	for i := range s.Tasks {
		l.row(columns, &s.Tasks[i], s.Time)
	}
	width := textWidth(columns)
	if l.Width > 0 && width > l.Width {
		shortenIDs(&columns[0])
		for i, name := range columns[1].texts {
			columns[1].texts[i] = shorten(name, leastName)
		}
		width = textWidth(columns)
	}
	spark := sparkMost
	if l.Width > 0 {
		spark = min(sparkMost, (l.Width-width-4)/2)
	}
	if spark >= sparkLeast {
		for i := range s.Tasks {
			l.sparks(columns, i+1, &s.Tasks[i], s.Time, spark)
		}
	}
	lines := make([]string, len(s.Tasks)+1)
	for i := range lines {
		lines[i] = l.line(columns, i)
	}
	for i := range s.Tasks {
		if t := &s.Tasks[i]; t.running() == 0 {
			text := lines[i+1] + "  " + report.OneLine(t.Waiting)
			lines[i+1] = l.Style.Dim(shorten(strings.TrimRight(text, " "), l.Width))
		}
	}
	return lines
}

// textWidth is what the columns take without sparklines.
func textWidth(columns []column) int {
	width := 0
	for i := range columns {
		if w := columns[i].width(); w > 0 {
			width += w + 2
		}
	}
	return width - 2
}

// leastID is how much of an id there is at least: its time, and a part of what
// tells it from others of that time.
const leastID = 14

// shortenIDs leaves as many letters as tell the ids apart.
func shortenIDs(c *column) {
	for n := leastID; ; n++ {
		seen := map[string]bool{}
		for _, id := range c.texts[1:] {
			seen[id[:min(n, len(id))]] = true
		}
		if len(seen) < len(c.texts)-1 && n < 26 {
			continue
		}
		for i, id := range c.texts {
			c.texts[i] = id[:min(n, len(id))]
		}
		return
	}
}

// row fills a task's line, but for the sparklines.
func (l Look) row(columns []column, t *Task, now time.Time) {
	columns[0].add(t.ID, nil)
	columns[1].add(shorten(report.OneLine(t.Name), nameWidth), nil)
	columns[2].add(age(now.Sub(t.Begun)), nil)
	try := "-"
	if t.Attempt > 0 {
		try = strconv.Itoa(t.Attempt)
	}
	columns[3].add(try, nil)
	columns[5].add("", nil)
	columns[7].add("", nil)
	if t.running() == 0 {
		columns[4].add("queued", nil)
		columns[6].add("", nil)
		return
	}
	cpu, memory := "-", "-"
	if t.Cores != nil {
		cpu = fmt.Sprintf("%.2f", *t.Cores)
	}
	if t.CPULimit > 0 {
		cpu += " of " + strconv.FormatFloat(t.CPULimit, 'f', -1, 64)
	}
	if t.Memory != nil {
		memory = report.Size(*t.Memory)
	}
	if t.MemoryLimit > 0 {
		memory += fmt.Sprintf(" of %s, %d %%", report.Size(t.MemoryLimit), int(t.fill()*100))
	}
	columns[4].add(cpu, l.mark(t.CPULimit > 0 && t.cores() >= near*t.CPULimit, l.Style.Warn))
	columns[6].add(memory, l.mark(t.fill() >= near, l.Style.Bad))
}

func (l Look) mark(is bool, paint func(string) string) func(string) string {
	if is {
		return paint
	}
	return nil
}

// sparks draws what a task used of its limits over the last minute.
func (l Look) sparks(columns []column, row int, t *Task, now time.Time, width int) {
	if t.running() == 0 {
		return
	}
	cpuTop, memoryTop := t.CPULimit, float64(t.MemoryLimit)
	cores := buckets(t.Recent, now, width, func(p Point) (float64, bool) {
		if p.Cores == nil {
			return 0, false
		}
		return *p.Cores, true
	})
	memory := buckets(t.Recent, now, width, func(p Point) (float64, bool) { return float64(p.Memory), true })
	columns[5].texts[row] = l.spark(cores, cpuTop)
	columns[7].texts[row] = l.spark(memory, memoryTop)
	columns[5].paint[row], columns[7].paint[row] = l.Style.Good, l.Style.Good
}

// buckets are the highest values of each part of the last minute, the latest
// last; negative where there is none. A part without a point has the value
// before it: samples of an old task lie further apart than that.
func buckets(points []Point, now time.Time, n int, value func(Point) (float64, bool)) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = -1
	}
	for _, p := range points {
		v, ok := value(p)
		i := n - 1 - int(now.Sub(p.Time)*time.Duration(n)/Window)
		if ok && i >= 0 && i < n {
			all[i] = max(all[i], v)
		}
	}
	last := -1.0
	for i := range all {
		if all[i] < 0 {
			all[i] = last
		}
		last = all[i]
	}
	return all
}

var (
	blocks = []rune(" ▁▂▃▄▅▆▇█")
	ascii  = []rune(" .:#")
)

// spark draws values of 0 to top; without a top the highest is.
func (l Look) spark(values []float64, top float64) string {
	steps := ascii
	if l.Unicode {
		steps = blocks
	}
	if top <= 0 {
		for _, v := range values {
			top = max(top, v)
		}
	}
	line := make([]rune, len(values))
	for i, v := range values {
		line[i] = ' '
		if v >= 0 && top > 0 { // what is there is seen, however little
			line[i] = steps[max(1, min(len(steps)-1, int(v/top*float64(len(steps)-1)+0.5)))]
		}
	}
	return string(line)
}

func (c *column) width() int {
	w := 0
	for _, text := range c.texts {
		w = max(w, utf8.RuneCountInString(text))
	}
	return w
}

// line is one line of the table, cut to the screen's width.
func (l Look) line(columns []column, row int) string {
	var b strings.Builder
	used := 0
	for i := range columns {
		c := &columns[i]
		w := c.width()
		if w == 0 {
			continue
		}
		text := c.texts[row]
		blank := strings.Repeat(" ", w-utf8.RuneCountInString(text))
		if l.Width > 0 && used+w > l.Width {
			break
		}
		painted := text
		if paint := c.paint[row]; paint != nil && text != "" {
			painted = paint(text)
		}
		if c.right {
			b.WriteString(blank + painted)
		} else {
			b.WriteString(painted + blank)
		}
		b.WriteString("  ")
		used += w + 2
	}
	return strings.TrimRight(b.String(), " ")
}

// shorten cuts a text to n characters; 0: not at all.
func shorten(text string, n int) string {
	if n <= 0 || utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// age is a time in one unit.
func age(d time.Duration) string {
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
