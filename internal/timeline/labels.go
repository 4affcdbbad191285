// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"cmp"
	"slices"
)

// label is a text that belongs to a moment on the time axis. It stands in a
// lane above the plot, and a line leads from it down to its moment.
type label struct {
	x      float64
	text   string
	class  string
	anchor anchor
	lane   int // 0 is the uppermost
}

const labelGap = 5 // between a text and its line

// extent is the space that the text takes.
func (l label) extent() (from, to float64) {
	w := textWidth(l.text) + 2*labelGap
	if l.anchor == atRight {
		return l.x - w, l.x
	}
	return l.x, l.x + w
}

// place gives each label a lane in which no text lies on another and no line
// runs through a text, and returns how many lanes there are. Labels must be in
// order of x.
//
// A text stands to the right of its line, or to its left where the right has
// no room. Of those to the right a later one goes below an earlier one that
// reaches over it, for those to the left it is the other way round. When the
// two sorts meet, those to the left go below.
func place(labels []label, right float64) int {
	var toRight, toLeft []*label
	for i := range labels {
		l := &labels[i]
		if l.anchor = atStart; l.x+textWidth(l.text)+2*labelGap <= right {
			toRight = append(toRight, l)
		} else {
			l.anchor = atRight
			toLeft = append(toLeft, l)
		}
	}
	slices.Reverse(toLeft)
	lanes := max(stack(toRight, 0), stack(toLeft, 0))
	if meet(toRight, toLeft) {
		lanes = stack(toLeft, stack(toRight, 0))
	}
	return lanes
}

// stack puts each label below all earlier ones that reach over its line, and
// returns how many lanes are used.
func stack(labels []*label, first int) int {
	lanes := first
	for i, l := range labels {
		l.lane = first
		from, to := l.extent()
		for _, before := range labels[:i] {
			if f, t := before.extent(); f < to && from < t {
				l.lane = max(l.lane, before.lane+1)
			}
		}
		lanes = max(lanes, l.lane+1)
	}
	return lanes
}

func meet(a, b []*label) bool {
	for _, x := range a {
		for _, y := range b {
			f1, t1 := x.extent()
			if f2, t2 := y.extent(); f1 < t2 && f2 < t1 {
				return true
			}
		}
	}
	return false
}

// value is a text beside the plot that belongs to a height in it.
type value struct {
	want  float64 // the height it belongs to
	y     float64 // where it stands
	text  string
	class string
}

const valueHeight = 15

// spread keeps values apart that would lie on each other, as near to their
// heights as can be, between low and high (low < high, downwards).
func spread(values []value, low, high float64) {
	slices.SortStableFunc(values, func(a, b value) int { return cmp.Compare(a.want, b.want) })
	for i := range values {
		v := &values[i]
		v.y = max(v.want, low)
		if i > 0 {
			v.y = max(v.y, values[i-1].y+valueHeight)
		}
	}
	for i := len(values) - 1; i >= 0; i-- { // push up what ran out below
		v := &values[i]
		limit := high
		if i < len(values)-1 {
			limit = values[i+1].y - valueHeight
		}
		v.y = min(v.y, limit)
	}
}
