// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"drydock/resources"
)

// others is a request for AMD GPUs, Neuron devices or Gaudis.
func (a *asking) others() (Match, *RefusalError) {
	typ := a.Device.Device
	devices := a.usable()
	if typ == "" {
		return Match{}, never(a.Device, "name its type", "a %s without a type", noun(a.Class))
	}
	if a.Partition != "" {
		return Match{}, never(a.Device, "leave the partition out", "%s %q has no partitions", noun(a.Class), typ)
	}
	if len(devices) == 0 {
		return Match{}, a.none(a.noSuch())
	}
	of := slices.DeleteFunc(devices, func(d Device) bool { return !a.serves(d) })
	if len(of) == 0 {
		return Match{}, lack(a.Device, "%s", a.noSuch()).having(a.have(a.usable()))
	}
	of, note, refusal := a.amdModes(of)
	if refusal != nil {
		return Match{}, refusal
	}
	m, refusal := a.enough(of, typ)
	if refusal != nil {
		return m, refusal
	}
	a.record(&m)
	if note != "" {
		m.Notes = append(m.Notes, note)
	}
	if a.Class == resources.ClassNeuron {
		return a.runs(m)
	}
	return m, nil
}

// serves reports whether a device is of the type that was asked for, may be,
// or counts as one by the profile.
func (a *asking) serves(d Device) bool {
	typ := a.Device.Device
	return d.Type == typ || slices.Contains(d.Also, typ) || a.aliased(d)
}

// record says what a device was given for, where its own type does not.
func (a *asking) record(m *Match) {
	typ := a.Device.Device
	for i := range m.Choices {
		c, d := &m.Choices[i], m.links[m.Choices[i].ID]
		switch {
		case a.aliased(d):
			c.As, c.standIn = aliasOf(d, typ), d.Type != typ
		case len(d.Also) > 0:
			either := strings.Join(append([]string{d.Type}, d.Also...), " or ")
			c.As = typ + " (ambiguous: " + either + ")"
			m.Notes = append(m.Notes, fmt.Sprintf("%s may be %s: nothing here tells them apart", d.ID, either))
		}
	}
	m.sort()
}

// amdModes leaves partitions out unless the profile allows them: a task would
// get a fraction of the card that it named.
func (a *asking) amdModes(of []Device) (usable []Device, note string, refusal *RefusalError) {
	mode := ""
	for _, d := range of {
		if compute, _, _ := strings.Cut(d.Partition, "/"); compute == "" || compute == "SPX" {
			usable = append(usable, d)
		} else {
			mode = d.Partition
		}
	}
	switch {
	case mode == "":
		return of, "", nil
	case a.policy.AMD == "allow":
		return of, fmt.Sprintf("%s is partitioned (%s): one device is one partition", a.Device.Device, mode), nil
	case len(usable) < a.Quantity:
		e := lack(a.Device, "%s is partitioned (%s); set amd_partitions=allow", a.Device.Device, mode)
		e.Remedy = "accelerators: {amd_partitions: allow} in the profile gives a partition for a card"
		return nil, "", e
	}
	return usable, "", nil
}

// runs makes the choice one of neighbours: the Neuron runtime takes nothing
// else ("Neuron cores are not contiguous", aws-neuron-sdk deploy/troubleshooting.rst).
func (a *asking) runs(m Match) (Match, *RefusalError) {
	m.arrange, m.inRow = neighbours, true
	if m.arrange(m, m.Choices) == nil {
		return Match{}, lack(a.Device, "request needs %d neighbouring %s, and no %d of the %d here are", m.Count,
			a.Device.Device, m.Count, len(m.Choices))
	}
	return m, nil
}

// hostChips is how many chips one host of a TPU type has at most (Cloud TPU's
// documentation of v5e, v5p, v6e). More is a slice of several hosts.
var hostChips = map[string]int{"V5E": 8, "V5P": 4, "V6E": 8}

// tpu is a request for a slice: its quantity is 1, and its chips are the
// product of its sides. Without a slice it is all of the host.
func (a *asking) tpu() (Match, *RefusalError) {
	typ := a.Device.Device
	devices := a.usable()
	if typ == "" {
		return Match{}, never(a.Device, "name its type", "a TPU without a type")
	}
	if a.Partition != "" && !slices.Contains(offered(typ), a.Partition) {
		return Match{}, never(a.Device, "name one of them", "slice %q is not offered by %s (offered: %s)", a.Partition, typ, strings.Join(offered(typ), ", "))
	}
	chips := a.Quantity
	if a.Partition != "" {
		chips *= sides(a.Partition)
	}
	if most := hostChips[typ]; chips > most {
		what := "slice " + a.Partition
		if a.Partition == "" {
			what = "the request"
		}
		return Match{}, lack(a.Device, "%s needs %d chips; one host has %d", what, chips, most)
	}
	if len(devices) == 0 {
		return Match{}, a.none(a.noSuch())
	}
	of := slices.DeleteFunc(devices, func(d Device) bool { return !a.serves(d) })
	if len(of) == 0 {
		return Match{}, lack(a.Device, "%s", a.noSuch()).having(a.have(a.usable()))
	}
	if a.Partition == "" && a.Quantity == 1 {
		chips = len(of)
	}
	b := *a
	b.Quantity = chips
	m, refusal := b.enough(of, typ+" chip")
	if refusal != nil {
		return m, refusal
	}
	b.record(&m)
	return b.runs(m)
}

// sides multiplies the sides of a slice: 2x2x1 has 4 chips.
func sides(slice string) int {
	n := 1
	for side := range strings.SplitSeq(slice, "x") {
		v, err := strconv.Atoi(side)
		if err != nil {
			return 0
		}
		n *= v
	}
	return n
}
