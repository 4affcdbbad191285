// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// arranger picks m.Count of the free choices; nil when they do not make a set.
type arranger func(m Match, free []Choice) []Choice

// Pick chooses what is free now. taken says which devices somebody holds.
// What it waits for is said where there is too little: strangers by name.
func (m Match) Pick(taken func(ID) bool) (picked []Choice, waits string) {
	if m.Count == 0 {
		return nil, ""
	}
	var free []Choice
	var busy []string
	for _, c := range m.Choices {
		switch {
		case taken(c.ID) || slices.ContainsFunc(c.Excludes, taken):
		case c.Busy != "":
			busy = append(busy, c.Busy)
		default:
			free = append(free, c)
		}
	}
	if len(free) >= m.Count {
		if picked := m.arrange(m, free); picked != nil {
			slices.SortFunc(picked, func(x, y Choice) int { return x.number - y.number })
			return picked, ""
		}
	}
	if len(busy) > 0 {
		return nil, strings.Join(busy, "; ")
	}
	return nil, fmt.Sprintf("needs %d × %s, %d free", m.Count, m.What(), len(free))
}

// What names one of what is waited for: "H100 1g.10gb".
func (m Match) What() string {
	switch {
	case m.Asked.Device == "":
		return "NVIDIA GPU"
	case m.Asked.Partition != "" && m.Choices[0].Parent != "":
		return m.Asked.Device + " " + m.Asked.Partition
	}
	return m.Asked.Device
}

// mostSets bounds how many sets are compared; beyond it the first free ones
// are taken. 16 GPUs have 12870 halves.
const mostSets = 20000

// Sets are the sets that Pick chooses one of, as places in m.Choices, where not
// any m.Count of them will do (nil).
func (m Match) Sets() [][]int {
	if !m.inRow {
		return nil
	}
	at := map[int]int{} // places by number
	for i, c := range m.Choices {
		at[c.number] = i
	}
	var all [][]int
	for _, run := range runs(slices.Sorted(maps.Keys(at)), m.Count) {
		var set []int
		for _, number := range run {
			set = append(set, at[number])
		}
		all = append(all, set)
	}
	return all
}

// closest picks of the best ranked those that are best linked to each other,
// and of equals those that are least linked to what stays free, so that two
// do not tear a group of four; then the first by ID.
func closest(m Match, free []Choice) []Choice {
	n := m.Count
	slices.SortStableFunc(free, func(x, y Choice) int {
		if d := rank(x) - rank(y); d != 0 {
			return d
		}
		return strings.Compare(string(x.ID), string(y.ID))
	})
	if sets(len(free), n) > mostSets {
		return free[:n]
	}
	w := m.ways(free)
	var best []int
	var bestScore score
	subsets(len(free), n, func(at []int) {
		if s := w.score(free, at); best == nil || s.better(bestScore) {
			best, bestScore = slices.Clone(at), s
		}
	})
	picked := make([]Choice, n)
	for i, j := range best {
		picked[i] = free[j]
	}
	return picked
}

// ways are the scores of the ways between choices, and of each to all.
type ways struct {
	between [][]int
	toAll   []int
}

func (m Match) ways(free []Choice) ways {
	w := ways{make([][]int, len(free)), make([]int, len(free))}
	for i, c := range free {
		w.between[i] = make([]int, len(free))
		for j, d := range free {
			if i != j {
				w.between[i][j] = Linked(m.links[c.ID], m.links[d.ID])
				w.toAll[i] += w.between[i][j]
			}
		}
	}
	return w
}

// score compares sets of equal size.
type score struct{ rank, inside, across int }

func (w ways) score(free []Choice, at []int) score {
	var s score
	for i, j := range at {
		s.rank += rank(free[j])
		s.across += w.toAll[j]
		for _, k := range at[i+1:] {
			s.inside += w.between[j][k]
		}
	}
	s.across -= 2 * s.inside
	return s
}

func (s score) better(t score) bool {
	switch {
	case s.rank != t.rank:
		return s.rank < t.rank
	case s.inside != t.inside:
		return s.inside > t.inside
	}
	return s.across < t.across
}

// sets is how many subsets of k there are of n, or more than mostSets.
func sets(n, k int) int {
	k = min(k, n-k)
	c := 1
	for i := range k {
		if c = c * (n - i) / (i + 1); c > mostSets {
			return c
		}
	}
	return c
}

// subsets calls f with each subset of k of 0…n-1, in order.
func subsets(n, k int, f func([]int)) {
	at := make([]int, k)
	var step func(i, from int)
	step = func(i, from int) {
		if i == k {
			f(at)
			return
		}
		for j := from; j <= n-(k-i); j++ {
			at[i] = j
			step(i+1, j+1)
		}
	}
	step(0, 0)
}

// together picks parts of one GPU where one has enough, the fullest such, so
// that emptier ones stay whole; else from as few as come.
func together(m Match, free []Choice) []Choice {
	byParent := map[ID]int{}
	for _, c := range free {
		byParent[c.Parent]++
	}
	slices.SortStableFunc(free, func(x, y Choice) int {
		nx, ny := byParent[x.Parent], byParent[y.Parent]
		if enoughX, enoughY := nx >= m.Count, ny >= m.Count; enoughX != enoughY {
			if enoughX {
				return -1
			}
			return 1
		} else if nx != ny && enoughX {
			return nx - ny
		} else if nx != ny {
			return ny - nx
		}
		return x.number - y.number
	})
	return free[:m.Count]
}

// neighbours picks a run of consecutive numbers, one that begins at a
// multiple of its length where there is one.
func neighbours(m Match, free []Choice) []Choice {
	at := map[int]Choice{}
	for _, c := range free {
		at[c.number] = c
	}
	all := runs(slices.Sorted(maps.Keys(at)), m.Count)
	if len(all) == 0 {
		return nil
	}
	picked := make([]Choice, m.Count)
	for i, number := range all[0] {
		picked[i] = at[number]
	}
	return picked
}

// runs are the runs of n consecutive of sorted numbers, those that begin at a
// multiple of n first.
func runs(sorted []int, n int) (all [][]int) {
	var others [][]int
	for i := 0; i+n <= len(sorted); i++ {
		run := sorted[i : i+n]
		switch {
		case run[n-1] != run[0]+n-1:
		case run[0]%n == 0:
			all = append(all, run)
		default:
			others = append(others, run)
		}
	}
	return append(all, others...)
}
