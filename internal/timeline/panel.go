// SPDX-License-Identifier: Apache-2.0

package timeline

// panel is one plot of a figure.
type panel struct {
	top, height float64
	max         float64 // of its axis
}

// y is the height of a value, clipped to the panel.
func (p panel) y(v float64) float64 {
	return p.bottom() - p.height*min(1, max(0, v/p.max))
}

func (p panel) bottom() float64 { return p.top + p.height }

// panelTitle writes a panel's name above it and its axis beside it.
func (f *figure) panelTitle(p panel, title string, ticks []tick) {
	for _, t := range ticks {
		y := p.y(t.at)
		if t.at > 0 {
			f.line("grid", plotLeft, y, plotRight, y)
		}
		f.text("tick", plotLeft-8, y+4, atRight, t.text)
	}
	if title != "" {
		f.text("panel", plotLeft, p.top-9, atStart, title)
	}
}

// values writes names beside a panel, each with a short line to its height.
func (f *figure) values(p panel, values []value) {
	spread(values, p.top+4, p.bottom()-4)
	for _, v := range values {
		f.raw(`<path class="lead %s" d="M%s %sL%s %s"/>`+"\n", v.class, px(plotRight+1), px(v.want), px(plotRight+9), px(v.y))
		f.text("value "+v.class, plotRight+12, v.y+4, atStart, v.text)
	}
}
