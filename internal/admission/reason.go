// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"drydock/sandbox"
)

// reason says what a ticket waits for, which has ahead others before it.
func reason(t Ticket, at turn, holders []Holder, ahead int, now time.Duration) string {
	switch {
	case at.start:
		return turnReason(ahead) // it is just being let in
	case at.behind != nil:
		return fmt.Sprintf("waits behind %s, which needs the room and has waited for %s%s",
			at.behind.ID, (now - at.behind.Since).Round(time.Second), aheadText("; ", ahead))
	}
	var lack []string
	uses := func(h Holder) int64 { return 0 }
	for _, k := range lacks(t.Capacity, at.taken.Amounts, t.Demand.Amounts) {
		most := k.of(t.Capacity)
		free := max(0, most-k.of(at.taken.Amounts))
		lack = append(lack, fmt.Sprintf("%s of %s (free %s of %s)", k.text(k.of(t.Demand.Amounts)), k.name, k.text(free), k.text(most)))
		uses = func(h Holder) int64 { return k.of(h.Holds.Amounts) }
	}
	if short := at.short; short != nil {
		held := heldBy(", ", holders, func(h Holder) int64 { return clashes(h.Holds.Devices, short.Of) })
		return "waiting for accelerator: " + short.waits + held + aheadText("; ", ahead)
	}
	return "waits for " + strings.Join(lack, " and ") + aheadText("; ", ahead) + heldBy("; ", counted(holders), uses)
}

// turnReason is for those who need nothing but their turn.
func turnReason(ahead int) string { return "waits for its turn" + aheadText("; ", ahead) }

func aheadText(prefix string, ahead int) string {
	switch ahead {
	case 0:
		return ""
	case 1:
		return prefix + "ahead: 1 task"
	}
	return fmt.Sprintf("%sahead: %d tasks", prefix, ahead)
}

func ids(devices []sandbox.Device) string {
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = d.ID
	}
	return strings.Join(names, ", ")
}

func clashes(held, wanted []sandbox.Device) (n int64) {
	for _, d := range held {
		if slices.ContainsFunc(wanted, func(w sandbox.Device) bool { return clash(d, w) }) {
			n++
		}
	}
	return n
}

// counted are those whose amounts count.
func counted(holders []Holder) []Holder {
	return slices.DeleteFunc(slices.Clone(holders), func(h Holder) bool { return h.Lent })
}

// heldBy names those who have most of what is wanted.
func heldBy(prefix string, holders []Holder, uses func(Holder) int64) string {
	const few = 3
	var who []Holder
	for _, h := range holders {
		if uses(h) > 0 {
			who = append(who, h)
		}
	}
	if len(who) == 0 {
		return ""
	}
	slices.SortStableFunc(who, func(a, b Holder) int { return cmp.Compare(uses(b), uses(a)) })
	names := make([]string, 0, few)
	for _, h := range who[:min(few, len(who))] {
		name := h.ID
		if h.Orphan {
			name += " (its supervisor died; drydock doctor --clean ends it)"
		}
		names = append(names, name)
	}
	text := prefix + "held by " + strings.Join(names, ", ")
	if more := len(who) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
