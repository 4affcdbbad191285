// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"math"
	"time"
)

// glyphs are the characters that text draws with.
type glyphs struct {
	steps              []rune // from an empty cell to a full one
	limit, axis, tick  rune
	corner, side       rune
	kill, signal, over rune // on the axis: an OOM kill, a signal of drydock's, the end
	bullet             string
}

var (
	blocks = glyphs{steps: []rune(" ▁▂▃▄▅▆▇█"), limit: '╌', axis: '─', tick: '┴', corner: '└', side: '│', kill: '✗', signal: '▲', over: '┘', bullet: "·"}
	ascii  = glyphs{steps: []rune(" .:#"), limit: '-', axis: '-', tick: '+', corner: '+', side: '|', kill: 'X', signal: '^', over: '|', bullet: "-"}
)

// cells are the characters of one column with the height v (0 to 1) in rows
// cells, from the lowest up. What is there is seen, however little.
func (g glyphs) cells(v float64, rows int) []rune {
	per := len(g.steps) - 1
	n := int(math.Round(max(0, min(1, v)) * float64(rows*per)))
	if n == 0 && v > 0 {
		n = 1
	}
	column := make([]rune, rows)
	for i := range column {
		column[i] = g.steps[max(0, min(per, n-i*per))]
	}
	return column
}

// series are the values of columns over time: the highest of each; a column
// that has none lies on the line between its neighbours', or, with steps, has
// the next one's: a rate holds for the time before it. Columns after the last
// value are nothing (NaN).
func series(points []Point, length time.Duration, columns int, steps bool, value func(Point) (float64, bool)) []float64 {
	all := make([]float64, columns)
	for i := range all {
		all[i] = math.NaN()
	}
	last := -1
	for _, p := range points {
		v, ok := value(p)
		if !ok {
			continue
		}
		c := columnOf(p.At, length, columns)
		if math.IsNaN(all[c]) || v > all[c] {
			all[c] = v
		}
		last = c
	}
	before, from := 0.0, -1
	for i := 0; i <= last; i++ {
		if math.IsNaN(all[i]) {
			continue
		}
		for j := from + 1; j < i; j++ {
			if all[j] = all[i]; !steps {
				all[j] = before + (all[i]-before)*float64(j-from)/float64(i-from)
			}
		}
		before, from = all[i], i
	}
	return all
}

// spark draws values (0 to 1 after division by top) as one line.
func (g glyphs) spark(values []float64, top float64) string {
	line := make([]rune, len(values))
	for i, v := range values {
		line[i] = ' '
		if !math.IsNaN(v) {
			line[i] = g.cells(v/top, 1)[0]
		}
	}
	return string(line)
}
