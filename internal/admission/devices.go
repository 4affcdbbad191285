// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"slices"

	"drydock/sandbox"
)

// shortage is a choice that cannot be met now.
type shortage struct {
	Choice
	waits string // for what
}

// choose picks free devices for all choices, or says which cannot be met.
func choose(taken []sandbox.Device, choices []Choice) (picked []sandbox.Device, short *shortage) {
	taken = slices.Clip(taken)
	for _, c := range choices {
		got, waits := c.from(taken)
		if len(got) < c.Count {
			return nil, &shortage{c, waits}
		}
		picked, taken = append(picked, got...), append(taken, got...)
	}
	return picked, nil
}

// from picks of what is free beside taken.
func (c Choice) from(taken []sandbox.Device) (picked []sandbox.Device, waits string) {
	clashes := func(d sandbox.Device) bool {
		return slices.ContainsFunc(taken, func(other sandbox.Device) bool { return clash(d, other) })
	}
	if c.Pick != nil {
		return c.Pick(clashes)
	}
	var free []int
	for i, d := range c.Of {
		if !clashes(d) {
			free = append(free, i)
		}
	}
	for _, i := range c.set(free) {
		picked = append(picked, c.Of[i])
	}
	what := c.What
	if what == "" {
		what = "of " + ids(c.Of)
	} else {
		what = "× " + what
	}
	return picked, fmt.Sprintf("needs %d %s, %d free", c.Count, what, len(free))
}

// set is the first set of which all are free; nil: there is none.
func (c Choice) set(free []int) []int {
	if c.Sets == nil {
		return free[:min(len(free), c.Count)]
	}
	i := slices.IndexFunc(c.Sets, func(set []int) bool {
		return !slices.ContainsFunc(set, func(i int) bool { return !slices.Contains(free, i) })
	})
	if i < 0 {
		return nil
	}
	return c.Sets[i]
}

// leased is the demand as far as it is for leases to meet: what Pick waits for
// beside them is left out.
func (d Demand) leased() Demand {
	d.Devices = slices.Clone(d.Devices)
	for i := range d.Devices {
		d.Devices[i].Pick = nil
	}
	return d
}

// clash reports whether two devices cannot be had at the same time.
func clash(a, b sandbox.Device) bool {
	return a.ID == b.ID || slices.Contains(a.Excludes, b.ID) || slices.Contains(b.Excludes, a.ID)
}
