// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"slices"
	"strings"
)

// profileOf is a part's profile as the SDK spells it for the GPU's type.
func profileOf(d Device, p Part) string {
	if parsed, ok := ParseProfile(p.Profile); ok {
		return Canonical(d.Type, parsed)
	}
	return "unknown profile"
}

// parts is a request for MIG devices of one profile. Only what exists counts:
// making one needs an idle GPU and changes it for everybody.
func (a *asking) parts() (Match, *RefusalError) {
	typ, profile := a.Device.Device, a.Partition
	if typ == "" {
		return Match{}, never(a.Device, `name its type, such as GPU("H100", 1, "1g.10gb")`, "partition %q of no type", profile)
	}
	devices := a.usable()
	var of []Device
	for _, d := range devices {
		if d.Type == typ {
			of = append(of, d)
		}
	}
	is := func(d Device, p Part) bool { return profileOf(d, p) == profile }
	exists := slices.ContainsFunc(of, func(d Device) bool {
		return d.MIG != nil && slices.ContainsFunc(d.MIG.Parts, func(p Part) bool { return is(d, p) })
	})
	if refusal := a.offers(exists); refusal != nil {
		return Match{}, refusal
	}
	switch {
	case len(devices) == 0:
		return Match{}, a.none(a.noSuch())
	case len(of) == 0:
		return Match{}, lack(a.Device, "%s", a.noSuch()).having(a.have(devices)) // a partition has no substitute
	case !exists:
		return Match{}, a.noPart(of)
	}
	return a.partMatch(of, is, "MIG device "+profile+" of "+typ)
}

// offers refuses a partition that the type does not have anywhere.
func (a *asking) offers(exists bool) *RefusalError {
	typ := a.Device.Device
	all := offered(typ)
	switch {
	case len(all) == 0:
		return never(a.Device, "leave the partition out", "GPU type %q has no partitions", typ)
	case !exists && !slices.Contains(all, a.Partition):
		return never(a.Device, "name one of them", "partition %q is not offered by %s (offered: %s)", a.Partition, typ, strings.Join(all, ", "))
	}
	return nil
}

// noPart says why no MIG device of the profile is there.
func (a *asking) noPart(of []Device) *RefusalError {
	text := fmt.Sprintf("no MIG device %s on this machine", a.Partition)
	var t tally
	for _, d := range of {
		if d.MIG == nil {
			continue
		}
		for _, p := range d.MIG.Parts {
			t.add(profileOf(d, p))
		}
	}
	if list := t.list(); len(list) > 0 {
		return lack(a.Device, "%s", text).having(list)
	}
	first := of[0]
	why := "MIG is off on"
	if first.Partitioned() {
		why = "there is none on"
	}
	return lack(a.Device, "%s: %s %s %s; an administrator can create one", text, why, first.Type, first.ID)
}

// oneProcess is what CUDA does (NVIDIA's MIG guide, for CUDA 11 and 12).
const oneProcess = "one CUDA process sees one MIG device: start one process for each"

// partMatch matches the parts that is says yes to.
func (a *asking) partMatch(devices []Device, is func(Device, Part) bool, what string) (Match, *RefusalError) {
	m := Match{Count: a.Quantity, arrange: together}
	var sick []string
	total := 0
	for _, d := range devices {
		if d.MIG == nil {
			continue
		}
		for _, p := range d.MIG.Parts {
			if !is(d, p) {
				continue
			}
			total++
			if why := d.Sick(); why != "" {
				sick = append(sick, string(p.ID)+": "+why)
				continue
			}
			m.Choices = append(m.Choices, Choice{ID: p.ID, Parent: d.ID, Excludes: []ID{d.ID},
				As: strings.TrimSpace(d.Type + " " + profileOf(d, p)), Busy: p.Busy(), number: len(m.Choices)})
		}
	}
	if total < a.Quantity {
		return Match{}, lack(a.Device, "request needs %s but this machine has %d", someOf(a.Quantity, what), total)
	}
	if len(m.Choices) < a.Quantity {
		return Match{}, lack(a.Device, "request needs %s; %d present, %d unhealthy (%s)", someOf(a.Quantity, what), total, len(sick), strings.Join(sick, ", "))
	}
	for _, text := range sick {
		m.Notes = append(m.Notes, "left out: "+text)
	}
	if a.Quantity > 1 {
		m.Notes = append(m.Notes, oneProcess)
	}
	return m.unlessBusy(a)
}

// someOf is some, where the plural is not at the end: "4 MIG devices 1g.10gb of H100".
func someOf(n int, what string) string {
	if n != 1 {
		what = strings.Replace(what, "MIG device", "MIG devices", 1)
	}
	return plural(n, " ", what)
}
