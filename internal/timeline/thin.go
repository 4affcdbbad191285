// SPDX-License-Identifier: Apache-2.0

package timeline

import "time"

// thin returns for each of n equal columns of a time line the point with the
// most memory, in order, so that no peak is lost however many points there
// are. The kill is always among them: it is what the picture is about.
func thin(points []Point, length time.Duration, n int) []Point {
	if len(points) <= n {
		return points
	}
	var thinned []Point
	column := -1
	for _, p := range points {
		c := columnOf(p.At, length, n)
		switch last := len(thinned) - 1; {
		case c != column || p.Kind != thinned[last].Kind:
			thinned = append(thinned, p)
			column = c
		case p.Memory > thinned[last].Memory:
			thinned[last] = p
		}
	}
	return thinned
}

// columnOf is the column of a moment, 0 to n-1.
func columnOf(at, length time.Duration, n int) int {
	if length <= 0 {
		return 0
	}
	return max(0, min(n-1, int(float64(at)/float64(length)*float64(n))))
}

// band is what a rate was in one column: the mean, and the most.
type band struct {
	at         time.Duration // where it ends
	mean, most float64
}

// bands sum a rate up by columns. value reports false where it is not known.
func bands(points []Point, length time.Duration, n int, value func(*Rates) (float64, bool)) []band {
	var all []band
	column, count := -1, 0
	for _, p := range points {
		if p.Rates == nil {
			continue
		}
		x, ok := value(p.Rates)
		if !ok {
			continue
		}
		c := columnOf(p.At, length, n)
		if c != column || len(points) <= n {
			all, column, count = append(all, band{}), c, 0
		}
		b := &all[len(all)-1]
		count++
		b.at, b.mean, b.most = p.At, b.mean+(x-b.mean)/float64(count), max(b.most, x)
	}
	return all
}
