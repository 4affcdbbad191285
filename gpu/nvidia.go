// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"slices"
	"strings"
)

// anyGPU is gpu=N: so many whole NVIDIA GPUs, whatever they are.
func (a *asking) anyGPU() (Match, *RefusalError) {
	devices := a.usable()
	if len(devices) == 0 {
		return Match{}, a.none("no NVIDIA GPU on this machine")
	}
	can, partitioned, parts := whole(devices)
	if len(partitioned) > 0 && a.policy.MIGStrategy == "single" {
		return a.single(can, partitioned)
	}
	if len(can) == 0 {
		return Match{}, lack(a.Device, "%s requested but %s in MIG mode (%s); request a partition, or set mig_strategy=single",
			some(a.Quantity, "NVIDIA GPU"), allOf(len(partitioned)), some(parts, "MIG device"))
	}
	m, refusal := a.enough(can, "NVIDIA GPU")
	if refusal != nil && len(partitioned) > 0 {
		refusal.Text += fmt.Sprintf(", and %d in MIG mode (%s)", len(partitioned), some(parts, "MIG device"))
	}
	return m, refusal
}

// allOf is "all 2 are", and of one "the only one is".
func allOf(n int) string {
	if n == 1 {
		return "the only one is"
	}
	return fmt.Sprintf("all %d are", n)
}

// single is mig_strategy=single: where all GPUs are cut alike, a MIG device
// is what gpu=1 means, as in NVIDIA's Kubernetes plugin.
func (a *asking) single(can, partitioned []Device) (Match, *RefusalError) {
	var t tally
	for _, d := range partitioned {
		for _, p := range d.MIG.Parts {
			t.add(profileOf(d, p))
		}
	}
	for _, d := range can {
		t.add("whole " + nameOf(d))
	}
	if len(t.n) > 1 {
		return Match{}, lack(a.Device, "mig_strategy=single needs identical MIG devices (have %s)", strings.Join(t.names(), ", "))
	}
	return a.partMatch(partitioned, func(Device, Part) bool { return true }, "MIG device")
}

// typed is a request for whole GPUs of a type.
func (a *asking) typed() (Match, *RefusalError) {
	typ := a.Device.Device
	devices := a.usable()
	var of []Device
	standIn := map[ID]bool{}
	as := map[ID]string{}
	for _, d := range devices {
		how, ok := a.standsFor(d, typ)
		if !ok {
			continue
		}
		of = append(of, d)
		as[d.ID], standIn[d.ID] = how, d.Type != typ
	}
	if len(devices) == 0 {
		return Match{}, a.none(a.noSuch())
	}
	can, partitioned, parts := whole(of)
	switch {
	case len(of) == 0:
		return Match{}, a.missingType(devices)
	case len(can) == 0:
		return Match{}, lack(a.Device, "%s requested but %s in MIG mode (%s); request a partition",
			some(a.Quantity, typ), allOf(len(partitioned)), some(parts, "MIG device"))
	}
	m, refusal := a.enough(can, typ)
	if refusal != nil {
		return m, refusal.would(a.wouldDo(devices, typ))
	}
	for i := range m.Choices {
		c := &m.Choices[i]
		c.As, c.standIn = as[c.ID], standIn[c.ID]
	}
	m.sort()
	return m, nil
}

// standsFor reports whether a GPU may be given for a type, and how that is recorded.
func (a *asking) standsFor(d Device, typ string) (how string, ok bool) {
	switch {
	case a.aliased(d):
		return aliasOf(d, typ), true
	case d.Type == typ:
		return typ, true
	case a.policy.Substitution == "any",
		a.policy.Substitution == "compatible" && d.Type != "" && slices.Contains(Substitutes(typ), d.Type):
		return nameOf(d) + " (substitute for " + typ + ")", true
	}
	return "", false
}

// aliased reports whether the profile lets the device's product count as the
// type that was asked for.
func (a *asking) aliased(d Device) bool {
	return slices.Contains(a.policy.Aliases[a.Device.Device], d.Name)
}

func aliasOf(d Device, typ string) string { return typ + " (alias of " + d.Name + ")" }

// wouldDo are the types here that accelerator_substitution: compatible would take.
func (a *asking) wouldDo(devices []Device, typ string) []string {
	if a.policy.Substitution != "" && a.policy.Substitution != "exact" {
		return nil
	}
	var would []string
	for _, d := range devices {
		if slices.Contains(Substitutes(typ), d.Type) && !d.Partitioned() && !slices.Contains(would, d.Type) {
			would = append(would, d.Type)
		}
	}
	return would
}

func (a *asking) noSuch() string {
	return fmt.Sprintf("no %s of type %q on this machine", noun(a.Class), a.Device.Device)
}

func (a *asking) missingType(devices []Device) *RefusalError {
	e := lack(a.Device, "%s", a.noSuch()).having(a.have(devices))
	e.Remedy = remedyAny
	return e.would(a.wouldDo(devices, a.Device.Device))
}
