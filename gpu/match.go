// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"slices"
	"strings"

	"drydock/resources"
)

// Match is what a request means on a machine: Count of Choices.
type Match struct {
	Asked   resources.Device
	Count   int
	Choices []Choice // all that would do when free, best first
	// Notes are what a person must hear: what stands for what, and what is left out.
	Notes []string
	// Ignored is why there is nothing: the machine lacks it, and the profile
	// says missing: ignore. Then Count is 0.
	Ignored string

	arrange arranger
	inRow   bool // arrange is neighbours
	links   map[ID]Device
}

// Choice is one device that would do.
type Choice struct {
	ID       ID
	Parent   ID     // the GPU that it is a part of; "": it is whole
	Excludes []ID   // what nobody else may have meanwhile
	As       string // how it is recorded: "A10G (alias of NVIDIA GeForce RTX 4090)"
	Busy     string // a stranger is there: who; "" is nobody
	Display  bool   // a screen hangs on it
	standIn  bool   // a substitute; the very type comes first
	number   int    // in the vendor's order
}

// asking is a request with its names made plain.
type asking struct {
	resources.Device
	inv    Inventory
	policy resources.AcceleratorProfile
}

// Find judges a request by what the machine has, whoever holds it now. The
// error is a *RefusalError. want may spell its type as the SDK does, as it
// goes over the wire, or as a node's label.
func Find(inv Inventory, want resources.Device, policy resources.AcceleratorProfile) (Match, error) {
	a := asking{want, inv, policy}
	m, refusal := a.find()
	if refusal == nil {
		m.Asked = a.Device
		return m, nil
	}
	if refusal.Lacks && policy.Missing == "ignore" {
		return Match{Asked: a.Device, Ignored: refusal.Text}, nil
	}
	return Match{}, refusal
}

func (a *asking) find() (Match, *RefusalError) {
	if a.Class == "" {
		a.Class = resources.ClassGPU
	}
	if a.Quantity < 1 {
		return Match{}, never(a.Device, "ask for at least 1", "%d devices are none", a.Quantity)
	}
	if a.Device.Device != "" {
		typ, class, ok := TypeNamed(a.Device.Device)
		if !ok {
			return Match{}, never(a.Device, "name one of them", "unknown accelerator type %q (known: %s)",
				a.Device.Device, strings.Join(knownTypes(), ", "))
		}
		a.Device.Device, a.Class = typ, class
	}
	switch a.Class {
	case resources.ClassGPU:
		return a.gpus()
	case resources.ClassTPU:
		return a.tpu()
	case resources.ClassNeuron, resources.ClassAMD, resources.ClassGaudi:
		return a.others()
	case resources.ClassAppleSilicon:
		return Match{}, lack(a.Device, "no Apple GPU on this machine").having(a.all())
	}
	return Match{}, never(a.Device, "name a class that the SDK has", "unknown device class %q", a.Class)
}

func (a *asking) gpus() (Match, *RefusalError) {
	if resources.Shared(a.Device.Device) {
		whole := unshared(a.Device.Device)
		b := *a
		b.Device.Device = whole
		m, refusal := b.gpus()
		if refusal == nil {
			m.Notes = append(m.Notes, a.Device.Device+" is a time-sliced share on the cluster; here it is a whole "+whole)
		}
		return m, refusal
	}
	switch {
	case a.Partition != "":
		return a.parts()
	case a.Device.Device == "":
		return a.anyGPU()
	}
	return a.typed()
}

// usable are the devices of the class that anybody could have, well or not.
func (a *asking) usable() []Device {
	return slices.DeleteFunc(a.inv.Of(a.Class), func(d Device) bool { return d.Unusable != "" })
}

// whole parts GPUs by whether they can be had whole.
func whole(devices []Device) (can, partitioned []Device, parts int) {
	for _, d := range devices {
		if d.Partitioned() {
			partitioned = append(partitioned, d)
			parts += len(d.MIG.Parts)
		} else {
			can = append(can, d)
		}
	}
	return can, partitioned, parts
}

// wellOf parts devices by health; sick are "GPU-…: XID 79".
func wellOf(devices []Device) (well []Device, sick []string) {
	for _, d := range devices {
		if why := d.Sick(); why != "" {
			sick = append(sick, string(d.ID)+": "+why)
		} else {
			well = append(well, d)
		}
	}
	return well, sick
}

// enough turns devices that would do into a match, if there are enough that
// are well. what names them in sentences: "NVIDIA GPU".
func (a *asking) enough(devices []Device, what string) (Match, *RefusalError) {
	n := a.Quantity
	if len(devices) < n {
		return Match{}, lack(a.Device, "request needs %s but this machine has %d", some(n, what), len(devices))
	}
	well, sick := wellOf(devices)
	if len(well) < n {
		return Match{}, lack(a.Device, "request needs %s; %d present, %d unhealthy (%s)", some(n, what),
			len(devices), len(sick), strings.Join(sick, ", "))
	}
	m := Match{Count: n, arrange: closest, links: map[ID]Device{}}
	for _, text := range sick {
		m.Notes = append(m.Notes, "left out: "+text)
	}
	for _, d := range well {
		m.links[d.ID] = d
		m.Choices = append(m.Choices, Choice{ID: d.ID, Excludes: d.IDs()[1:], As: nameOf(d), Busy: d.Busy(),
			Display: d.Draws(), number: d.Index})
	}
	m.noteScreens()
	return m.unlessBusy(a)
}

// unlessBusy is the match with strangers named, unless the profile does not
// wait for them and they leave too few.
func (m Match) unlessBusy(a *asking) (Match, *RefusalError) {
	m.sort()
	var busy []string
	for _, c := range m.Choices {
		if c.Busy != "" {
			busy = append(busy, c.Busy)
			m.Notes = append(m.Notes, "avoided: "+c.Busy)
		}
	}
	if a.policy.Busy == "fail" && len(m.Choices)-len(busy) < m.Count {
		return Match{}, &RefusalError{Asked: a.Device, Text: strings.Join(busy, "; "), Remedy: "end them, or set busy: wait in the profile"}
	}
	return m, nil
}

// noteScreens names those that draw where they cannot be avoided.
func (m *Match) noteScreens() {
	draws := slices.DeleteFunc(slices.Clone(m.Choices), func(c Choice) bool { return !c.Display })
	if len(m.Choices)-len(draws) >= m.Count {
		return
	}
	for _, c := range draws {
		m.Notes = append(m.Notes, string(c.ID)+" also drives a screen")
	}
}

// sort puts the best first: the very type before a substitute, and what
// draws a screen last, as each leaves more to others.
func (m *Match) sort() {
	slices.SortStableFunc(m.Choices, func(x, y Choice) int { return rank(x) - rank(y) })
}

func rank(c Choice) int {
	r := 0
	if c.Display {
		r++
	}
	if c.standIn {
		r += 2
	}
	return r
}

// nameOf is the type where there is one, else the product.
func nameOf(d Device) string {
	if d.Type != "" {
		return d.Type
	}
	return d.Name
}

// have lists devices by name; those of another class say which.
func (a *asking) have(devices []Device) []string {
	var t tally
	for _, d := range devices {
		name := nameOf(d)
		if d.Class == resources.ClassAMD && a.Class != d.Class {
			name = "AMD " + name
		}
		t.add(name)
	}
	return t.list()
}

// all lists what there is of any class.
func (a *asking) all() []string { return a.have(a.inv.Devices) }

// none is the refusal of a machine without a usable device of the class. Why
// there is none matters most where there is nothing else.
func (a *asking) none(text string) *RefusalError {
	var why *Problem
	for i, p := range a.inv.Problems {
		if p.Class == a.Class && p.Fatal {
			why = &a.inv.Problems[i]
		}
	}
	if why != nil && len(a.inv.Devices) == 0 {
		e := lack(a.Device, "%s", why.Text)
		if why.Remedy != "" {
			e.Remedy = why.Remedy
		}
		return e
	}
	e := lack(a.Device, "%s", text).having(a.all())
	if why != nil {
		e.Remedy = why.Text
	}
	for _, d := range a.inv.Devices {
		if use := helper(d.Class, d.Type); a.Device.Device == "" && use != "" {
			e.Text += "; use " + use
			break
		}
	}
	for _, d := range a.inv.Of(a.Class) { // here, but not to be used
		e.Text += "; " + string(d.ID) + ": " + d.Unusable
	}
	return e
}
