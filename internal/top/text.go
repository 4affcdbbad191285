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
	lines := []string{look.summary(s)}
	if s.Leased != nil {
		lines = append(lines, look.leased(s))
	}
	lines = append(append(lines, ""), look.table(s)...)
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
	var memory, disk int64
	disks := 0 // tasks whose disk use is measured
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
		if t.Disk != nil {
			disk += *t.Disk
			disks++
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
	if disks > 0 {
		text += " · disk " + report.Size(disk)
	}
	return l.dotted(text)
}

// leased is what is taken of the machine, whether it is used or not.
func (l Look) leased(s Snapshot) string { return l.dotted("leased: " + Leased(s, " · ")) }

// Leased says what is taken of the machine, part by part.
func Leased(s Snapshot, between string) string {
	of := func(text, most string, known bool) string {
		if known {
			text += " of " + most
		}
		return text
	}
	parts := []string{
		of(fmt.Sprintf("CPU %g", float64(s.Leased.CPUMilli)/1000), strconv.FormatFloat(s.Cores, 'f', -1, 64), s.Cores > 0),
		of("memory "+report.Size(s.Leased.Memory), report.Size(s.Memory), s.Memory > 0),
		of("disk "+report.Size(s.Leased.Disk), report.Size(s.Disk)+" free", s.Disk > 0),
	}
	return strings.Join(parts, between)
}

// dotted fits a line of parts to the screen.
func (l Look) dotted(text string) string {
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
	firstGauge = 4 // the column; each gauge has two
	nameWidth  = 20
	leastName  = 12 // where the screen is narrow
	// sparkMost and sparkLeast bound how wide a sparkline is; below the least
	// there is none.
	sparkMost, sparkLeast = 30, 6
)

func (l Look) table(s Snapshot) []string {
	shown := gaugesOf(s)
	columns := make([]column, firstGauge+2*len(shown))
	columns[2].right, columns[3].right = true, true
	for i, title := range []string{"ID", "NAME", "AGE", "TRY"} {
		columns[i].add(title, l.Style.Dim)
	}
	for i, g := range shown {
		columns[firstGauge+2*i].add(g.title, l.Style.Dim)
		columns[firstGauge+2*i+1].add("", nil)
	}
	for i := range s.Tasks {
		l.row(columns, shown, &s.Tasks[i], s.Time)
	}
	width := textWidth(columns)
	if l.Width > 0 && width > l.Width {
		shortenIDs(&columns[0])
		for i, name := range columns[1].texts {
			columns[1].texts[i] = shorten(name, leastName)
		}
		width = textWidth(columns)
	}
	if l.Width > 0 && width > l.Width {
		shortenSizes(columns[firstGauge:], shown, s.Tasks)
		width = textWidth(columns)
	}
	spark := sparkMost
	if l.Width > 0 {
		spark = min(sparkMost, (l.Width-width)/len(shown)-2)
	}
	if spark >= sparkLeast {
		for i := range s.Tasks {
			l.sparks(columns[firstGauge:], shown, i+1, &s.Tasks[i], s.Time, spark)
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
	n := IDLength(c.texts[1:])
	for i, id := range c.texts {
		c.texts[i] = id[:min(n, len(id))]
	}
}

// IDLength is how many letters of ids tell each from the others.
func IDLength(ids []string) int {
	n := leastID
	for ; n < 26; n++ {
		seen := map[string]bool{}
		for _, id := range ids {
			seen[id[:min(n, len(id))]] = true
		}
		if len(seen) == len(ids) {
			break
		}
	}
	return n
}

// shortenSizes leaves of sizes the part of the limit that is used.
func shortenSizes(columns []column, shown []gauge, tasks []Task) {
	for i, g := range shown {
		for row := range tasks {
			t, c := &tasks[row], &columns[2*i]
			switch {
			case !g.sizes || t.running() == 0 || !g.has(t) || g.limit(t) <= 0:
			case strings.HasPrefix(c.texts[row+1], unknown):
				c.texts[row+1] = unknown
			default:
				c.texts[row+1] = fmt.Sprintf("%d %%", int(g.fill(t)*100))
			}
		}
	}
}

// row fills a task's line, but for the sparklines.
func (l Look) row(columns []column, shown []gauge, t *Task, now time.Time) {
	columns[0].add(t.ID, nil)
	columns[1].add(shorten(report.OneLine(t.Name), nameWidth), nil)
	columns[2].add(age(now.Sub(t.Begun)), nil)
	try := "-"
	if t.Attempt > 0 {
		try = strconv.Itoa(t.Attempt)
	}
	columns[3].add(try, nil)
	for i, g := range shown {
		text, paint := "", (func(string) string)(nil)
		switch {
		case t.running() == 0 && i == 0:
			text = "queued"
		case t.running() == 1 && g.has(t):
			text = g.text(t)
			if g.fill(t) >= near {
				paint = g.full(l)
			}
		}
		columns[firstGauge+2*i].add(text, paint)
		columns[firstGauge+2*i+1].add("", nil)
	}
}

// sparks draws what a task used of its limits over the last minute.
func (l Look) sparks(columns []column, shown []gauge, row int, t *Task, now time.Time, width int) {
	for i, g := range shown {
		if t.running() == 1 && g.has(t) {
			c := &columns[2*i+1]
			c.texts[row], c.paint[row] = l.spark(buckets(g.recent(t), now, width, g.at), g.limit(t)), l.Style.Good
		}
	}
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
