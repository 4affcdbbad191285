// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode"

	"drydock/internal/report"
)

// canvas writes SVG. Looks come from classes of the page's style sheet; the
// page allows no style attributes.
type canvas struct {
	b strings.Builder
}

// px writes a coordinate to a tenth of a pixel.
func px(x float64) string { return trimmed(x, 1) }

// esc makes text fit for markup, whoever wrote it.
func esc(text string) string { return html.EscapeString(report.OneLine(text)) }

func (c *canvas) raw(format string, args ...any) { fmt.Fprintf(&c.b, format, args...) }

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.raw(`<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, px(x1), px(y1), px(x2), px(y2))
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	c.raw(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`+"\n", class, px(x), px(y), px(w), px(h))
}

// anchor is which end of a text its place is.
type anchor string

const (
	atStart anchor = "start"
	atMid   anchor = "middle"
	atRight anchor = "end"
)

func (c *canvas) text(class string, x, y float64, a anchor, text string) {
	c.raw(`<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`+"\n", class, px(x), px(y), a, esc(text))
}

// point is a place on the canvas.
type point struct{ x, y float64 }

func (c *canvas) path(class string, closed bool, points []point) {
	if len(points) == 0 {
		return
	}
	fmt.Fprintf(&c.b, `<path class="%s" d="M`, class)
	for i, p := range points {
		if i > 0 {
			c.b.WriteByte('L')
		}
		c.b.WriteString(px(p.x) + " " + px(p.y))
	}
	if closed {
		c.b.WriteByte('Z')
	}
	c.b.WriteString(`"/>` + "\n")
}

// titled is a shape with a text that shows when somebody points at it.
func (c *canvas) titled(class string, x, y, w, h float64, title string) {
	c.raw(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`+"\n",
		class, px(x), px(y), px(w), px(h), esc(title))
}

// textWidth estimates how wide a text of the small size is: nobody measures
// fonts here, and a little too much does no harm.
func textWidth(text string) float64 {
	width := 0.0
	for _, r := range text {
		switch {
		case r == 'i' || r == 'l' || r == ' ' || r == '.' || r == ':' || r == '(' || r == ')':
			width += 4
		case r > 0x2e80 || unicode.IsUpper(r) || r == 'm' || r == 'w':
			width += 9.5
		default:
			width += 6.8
		}
	}
	return width
}

// id makes names that are unique on a page with several figures.
func figureID(attempt int, part string) string { return "a" + strconv.Itoa(attempt) + "-" + part }
