// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Deviation is a fact that is not as the kubelet has it.
type Deviation struct {
	Fact         string
	Kubelet, Got string
	Reason       *Reason // nil: nobody meant it
}

func (d Deviation) String() string {
	return fmt.Sprintf("%s is %q, the kubelet has %q", d.Fact, d.Got, d.Kubelet)
}

// absent is the value of a fact that a side does not have.
const absent = "(none)"

// Compare holds what a backend did against the kubelet. Facts that the kubelet
// was not asked for are no deviation.
func Compare(b Behaviour, on Backend, got Facts) []Deviation {
	want, own := b.Kubelet(on.Cgroup)
	var all []Deviation
	for _, fact := range slices.Sorted(maps.Keys(want)) {
		if !isComparable(fact, own) {
			continue
		}
		value, seen := got[fact]
		if !seen {
			value = absent
		}
		if value != want[fact] {
			all = append(all, Deviation{Fact: fact, Kubelet: want[fact], Got: value, Reason: deliberate(b.ID, fact, on, value)})
		}
	}
	return all
}

// isComparable reports whether a fact of the kubelet's means the same on the
// version that is looked at; own: it is from that one.
func isComparable(fact string, own bool) bool { return own || !ofOneVersion(fact) }

// ofOneVersion reports whether a fact is about the cgroup file system, which
// looks otherwise on the other version.
func ofOneVersion(fact string) bool {
	switch fact {
	case "/proc/self/cgroup", "namespace cgroup", "mount /sys/fs/cgroup", "making a cgroup":
		return true
	}
	return slices.ContainsFunc([]string{"cpu.", "memory.", "pids.", "hugetlb."}, func(controller string) bool {
		return strings.HasPrefix(fact, controller)
	})
}

// Missing lists the differences that are named for a behaviour and were not
// seen: somebody mended something and should say so.
func Missing(b Behaviour, on Backend, got Facts) []string {
	var all []string
	seen := map[string]bool{}
	for _, d := range Compare(b, on, got) {
		seen[d.Fact] = true
	}
	want, own := b.Kubelet(on.Cgroup)
	for _, d := range Differences {
		_, asked := want[d.Fact]
		if asked && !d.May && isComparable(d.Fact, own) && d.isFor(b.ID, on) && !seen[d.Fact] {
			all = append(all, d.Fact)
		}
	}
	return all
}
