// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"math"
	"slices"

	"drydock/resources"
	"drydock/sandbox"
)

// Demand is what an attempt asks for: its requests, as a scheduler counts.
type Demand struct {
	sandbox.Amounts
	Devices []Choice `json:"devices,omitempty"`
}

// Choice asks for Count of several devices: all of them at once, or none. Of
// should not hold devices that exclude each other.
type Choice struct {
	Count int              `json:"count"`
	Of    []sandbox.Device `json:"of"`
	// Sets are those of which one is to be had whole, the best first, by the
	// places that devices have in Of. Nil: any Count of them.
	Sets [][]int `json:"sets,omitempty"`
	What string  `json:"what,omitempty"` // one of them, for sentences: "A100"
	// Pick chooses of what nobody has now, or says what it waits for, such as a
	// stranger's program. It counts above Of and Sets, by which others judge
	// the demand. It is asked anew at each look, with locks held: it must not
	// block. Nil: the first that are free.
	Pick func(taken func(sandbox.Device) bool) (picked []sandbox.Device, waits string) `json:"-"`
}

// NeverError says that a demand does not fit an idle machine.
type NeverError struct {
	What string // "cpu", "memory", "disk", "pids" or "devices"
	Asks string // as people write it
	Most string // what there is at most
}

func (e *NeverError) Error() string {
	return fmt.Sprintf("asks for %s %s, this machine allocates at most %s", e.Asks, e.What, e.Most)
}

// Never returns a *NeverError when the demand can never be met, else nil.
func Never(capacity sandbox.Amounts, d Demand) error {
	for _, k := range kinds {
		if asks, most := k.of(d.Amounts), k.of(capacity); most > 0 && asks > most {
			return &NeverError{What: k.name, Asks: k.text(asks), Most: k.text(most)}
		}
	}
	if _, short := choose(nil, d.leased().Devices); short != nil {
		return &NeverError{What: "devices", Asks: fmt.Sprint(short.Count), Most: fmt.Sprint(len(short.Of))}
	}
	return nil
}

// kind is one of the amounts.
type kind struct {
	name string
	of   func(sandbox.Amounts) int64
	text func(int64) string
}

var kinds = []kind{
	{"cpu", func(a sandbox.Amounts) int64 { return a.CPUMilli }, CPUText},
	{"memory", func(a sandbox.Amounts) int64 { return a.Memory }, SizeText},
	{"disk", func(a sandbox.Amounts) int64 { return a.Disk }, SizeText},
	{"pids", func(a sandbox.Amounts) int64 { return a.Pids }, func(n int64) string { return fmt.Sprint(n) }},
}

// CPUText writes millicores as people write cores: 1.5.
func CPUText(milli int64) string { return fmt.Sprint(float64(milli) / 1000) }

// SizeText is a size for sentences and for pasting: rounded down to what a
// person would write, 21Gi or 970Mi.
func SizeText(bytes int64) string {
	unit := int64(1) << 20
	if bytes >= 4<<30 {
		unit = 1 << 30
	}
	if bytes < unit {
		unit = 1
	}
	return resources.FormatSize(bytes / unit * unit)
}

// plus adds amounts. A sum too large stays the largest.
func plus(a, b sandbox.Amounts) sandbox.Amounts {
	sum := func(x, y int64) int64 {
		if x > math.MaxInt64-y {
			return math.MaxInt64
		}
		return x + y
	}
	return sandbox.Amounts{CPUMilli: sum(a.CPUMilli, b.CPUMilli), Memory: sum(a.Memory, b.Memory),
		Disk: sum(a.Disk, b.Disk), Pids: sum(a.Pids, b.Pids)}
}

// with is what is taken once more is.
func with(a, b sandbox.Holds) sandbox.Holds {
	return sandbox.Holds{Amounts: plus(a.Amounts, b.Amounts), Devices: slices.Concat(a.Devices, b.Devices)}
}

// fit returns what the demand would get beside what is taken, or which devices
// are missing. Of what it does not ask for there may be too much taken already,
// and of what the capacity does not speak (0) there is enough.
func fit(capacity sandbox.Amounts, taken sandbox.Holds, d Demand) (sandbox.Holds, *shortage, bool) {
	if len(lacks(capacity, taken.Amounts, d.Amounts)) > 0 {
		return sandbox.Holds{}, nil, false
	}
	devices, short := choose(taken.Devices, d.Devices)
	return sandbox.Holds{Amounts: d.Amounts, Devices: devices}, short, short == nil
}

// fits reports whether what is taken leaves room for the demand, whatever else
// it waits for.
func fits(capacity sandbox.Amounts, taken sandbox.Holds, d Demand) bool {
	_, _, ok := fit(capacity, taken, d.leased())
	return ok
}

// lacks are the kinds of which too little is left.
func lacks(capacity, taken, asks sandbox.Amounts) []kind {
	var lack []kind
	for _, k := range kinds {
		if most := k.of(capacity); most > 0 && k.of(asks) > 0 && k.of(taken) > most-k.of(asks) {
			lack = append(lack, k)
		}
	}
	return lack
}
