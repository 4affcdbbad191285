// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/report"
)

// tick is a value on an axis and how it is written.
type tick struct {
	at   float64
	text string
}

// timeTicks are at most most round times from 0 to length.
func timeTicks(length time.Duration, most int) []tick {
	step := timeStep(length, most)
	var ticks []tick
	for at := time.Duration(0); at <= length && len(ticks) <= most; at += step {
		ticks = append(ticks, tick{at.Seconds(), clock(at, step)})
	}
	return ticks
}

// timeStep is a round step that people know from clocks.
func timeStep(length time.Duration, most int) time.Duration {
	for step := time.Millisecond; step < time.Minute; step *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if s := n * step; s < time.Minute && length/s < time.Duration(most) {
				return s
			}
		}
	}
	steps := []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, week,
	}
	for _, s := range steps {
		if length/s < time.Duration(most) {
			return s
		}
	}
	return week * (1 + length/week/time.Duration(most))
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// clock writes a time on an axis with steps so long: "500 ms", "1.5 s",
// "1:30" (minutes and seconds), "2 h", "3 d".
func clock(at, step time.Duration) string {
	switch {
	case at == 0:
		return "0"
	case at < time.Second && step < time.Second:
		return fmt.Sprintf("%d ms", at.Milliseconds())
	case at < time.Minute && step < time.Minute:
		return trimmed(at.Seconds(), 3) + " s"
	case at < time.Hour:
		if at%time.Minute == 0 && step >= time.Minute {
			return fmt.Sprintf("%d min", int(at.Minutes()))
		}
		text := fmt.Sprintf("%d:%02d", int(at.Minutes()), int(at.Seconds())%60)
		if ms := at.Milliseconds() % 1000; ms != 0 {
			text += strings.TrimRight(fmt.Sprintf(".%03d", ms), "0")
		}
		return text + " min"
	case at < day || step < day:
		if at%time.Hour == 0 {
			return fmt.Sprintf("%d h", int(at.Hours()))
		}
		return fmt.Sprintf("%d:%02d h", int(at.Hours()), int(at.Minutes())%60)
	}
	return fmt.Sprintf("%d d", int(at/day))
}

// since writes a moment exactly enough to tell it from its neighbours.
func since(at time.Duration) string {
	switch {
	case at < time.Second:
		return fmt.Sprintf("%d ms", at.Round(time.Millisecond).Milliseconds())
	case at < time.Minute:
		return trimmed(at.Seconds(), 2) + " s"
	}
	switch at = at.Round(time.Second); {
	case at < time.Hour:
		return at.String()
	case at < day:
		return fmt.Sprintf("%dh%dm", at/time.Hour, at%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", at/day, at%day/time.Hour)
}

// sizeTicks are at most most round sizes from 0 to top, in powers of two.
func sizeTicks(top float64, most int) []tick {
	step := 1.0
	for top/step >= float64(most) {
		step *= 2
	}
	var ticks []tick
	for at := 0.0; at <= top; at += step {
		ticks = append(ticks, tick{at, sizeText(at)})
	}
	return ticks
}

func sizeText(bytes float64) string {
	if bytes == 0 {
		return "0"
	}
	return report.Size(int64(bytes))
}

// plainTicks are at most most round numbers from 0 to top.
func plainTicks(top float64, most int) []tick {
	step := math.Pow(10, math.Floor(math.Log10(top))) / 10
	for _, n := range []float64{1, 2, 5, 10, 20, 50, 100} {
		if top/(n*step) < float64(most) {
			step *= n
			break
		}
	}
	var ticks []tick
	for i := 0; float64(i)*step <= top*(1+1e-9); i++ {
		ticks = append(ticks, tick{float64(i) * step, number(float64(i) * step)})
	}
	return ticks
}

// number writes a number with at most three digits that count.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 10:
		return trimmed(x, 1)
	}
	return trimmed(x, 2)
}

func trimmed(x float64, digits int) string {
	text := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}

// percent writes a share.
func percent(share float64) string {
	if share > 0 && share < 0.01 {
		return "< 1 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// upTo says how high a share rose.
func upTo(share float64) string {
	switch {
	case share == 0:
		return "never"
	case share < 0.01:
		return "under 1 %"
	}
	return "up to " + percent(share)
}

// cores writes an amount of CPU.
func cores(n float64) string {
	if text := number(n); text == "1" {
		return "1 core"
	} else {
		return text + " cores"
	}
}

// offScale reports whether a limit is so far above what was used that drawing
// it would leave a flat line at the bottom.
func offScale(limit, used float64) bool { return used > 0 && limit > 5*used }

// top is where an axis ends: a little above the highest value.
func top(values ...float64) float64 {
	if most := slices.Max(values); most > 0 {
		return most * 1.06
	}
	return 1
}
