// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"slices"
	"strconv"
	"strings"
)

// rangeOf turns a checked value into a Range.
func rangeOf(field string, v value) (Range, error) {
	if v.kind != tuple {
		q, err := scalarOf(field, v)
		return Range{Request: q}, err
	}
	low, high := v.items[0], v.items[1]
	if err := emptyHalf(field, low, high); err != nil {
		return Range{}, err
	}
	if err := truthValues(field, low, high); err != nil {
		return Range{}, err
	}
	return Pair(Quantity(low.text), Quantity(high.text)), nil
}

// scalarOf turns a checked value into a Quantity; the empty string and truth values reach a cluster as they are and
// fail there.
func scalarOf(field string, v value) (Quantity, error) {
	switch {
	case v.kind == none:
		return "", nil
	case v.kind == str && v.text == "":
		return "", &FieldError{Field: field, Reason: "an empty string is not a quantity", Hint: leaveOut(field)}
	case v.kind == boolean:
		hint := "leave " + field + " out"
		if v.text == "True" {
			hint = "did you mean " + field + "=1?"
		}
		return "", &FieldError{Field: field, Value: v.text, Reason: "a truth value is sent as the word " + v.text, Hint: hint}
	}
	return Quantity(v.text), nil
}

func emptyHalf(field string, low, high value) error {
	other := low
	switch {
	case low.text == "" && low.kind == str:
		other = high
	case high.text == "" && high.kind == str:
	default:
		return nil
	}
	hint := leaveOut(field)
	if other.text != "" {
		hint = "did you mean " + field + "=" + literalText(field, Quantity(other.text)) + "?"
	}
	return &FieldError{Field: field, Value: "(" + low.repr() + ", " + high.repr() + ")",
		Reason: "an empty request or limit is not the same as none", Hint: hint}
}

func truthValues(field string, low, high value) error {
	if low.kind != boolean && high.kind != boolean {
		return nil
	}
	number := func(v value) string {
		switch {
		case v.kind != boolean:
			return v.repr()
		case v.text == "True":
			return "1"
		}
		return "0"
	}
	word := low.text
	if low.kind != boolean {
		word = high.text
	}
	return &FieldError{Field: field, Value: "(" + low.repr() + ", " + high.repr() + ")",
		Reason: "a truth value is sent as the word " + word,
		Hint:   "did you mean " + field + "=(" + number(low) + ", " + number(high) + ")?"}
}

func leaveOut(field string) string {
	if field == "disk" {
		return "leave disk out for no limit, or name a size"
	}
	if field == "cpu" {
		return "leave cpu out to get the default, or name a number of cores"
	}
	return "leave " + field + " out to get the default, or name a size"
}

// accelerator turns the checked gpu value into a Device.
func (w *written) accelerator() (*Device, []Warning, error) {
	if w.gpu.kind == deviceKind {
		return w.gpu.dev.accelerator()
	}
	d := w.device()
	if d == nil {
		return nil, nil, nil
	}
	n, err := wholeCount(d.quantity, func(n int) string { return "gpu=" + intValue(n).text })
	if err != nil {
		return nil, nil, err
	}
	return &Device{Quantity: n, Class: DeviceClass(d.class.text), Device: d.name.text}, nil, nil
}

// accelerator turns an explicit device into ours. What the SDK drops without a word is said here, because Device
// cannot tell an empty string from nothing.
func (d *device) accelerator() (*Device, []Warning, error) {
	var warnings []Warning
	add := func(code, reason, hint string) {
		warnings = append(warnings, finding{"gpu", code, reason, hint, false}.warning(d.repr()))
	}
	c := *d
	if c.partition.kind == str && c.partition.text == "" || c.partition.kind == boolean && c.partition.text == "False" {
		c.partition = value{}
		add(CodePartition, "an empty partition is dropped: a whole device is asked for", "did you mean "+c.python()+"?")
	}
	if c.name.kind == str && c.name.text == "" && c.partition.kind == none && c.class.text == string(ClassGPU) {
		n, err := c.count()
		if err != nil {
			return nil, warnings, err
		}
		add(CodeDevice, "an empty device name puts no demand on the device at all", "did you mean gpu="+intValue(n).text+"?")
		return &Device{Quantity: n, Class: ClassGPU}, warnings, nil
	}
	if c.name.kind == str && c.name.text == "" {
		c.name = value{} // refused with the right words below
	}
	if current, ws := currentName(c.name); len(ws) > 0 {
		c.name, warnings = current, append(warnings, ws...)
	}
	typed, err := c.typed(nil)
	return typed, warnings, err
}

// cutLiteral splits "A100:2" at the first colon, as Python's str.partition does.
func cutLiteral(s string) (name, count, colon string) {
	name, count, found := strings.Cut(s, ":")
	if found {
		colon = ":"
	}
	return name, count, colon
}

// literalHint guesses which literal was meant.
func literalHint(s string) string {
	name, count, _ := cutLiteral(strings.TrimSpace(s))
	known, ok := sameIgnoringCase(strings.TrimSpace(name))
	if !ok {
		return `name one the SDK knows, such as "T4:1", or a plain count`
	}
	count = strings.TrimSpace(count)
	if slices.Contains(partitions[known], count) {
		class, _ := classOf(known)
		return asDevice + Device{Quantity: 1, Class: class, Device: known, Partition: count}.Python()
	}
	best := nearestLiteral(known, count)
	if best == "" {
		return asDevice + Device{Quantity: 1, Class: ClassTPU, Device: known}.Python()
	}
	return "did you mean " + quoted(best) + "?"
}

// nearestLiteral is the literal of a device with at least as many, or else the most that there are; the fewest when
// count is no number.
func nearestLiteral(known, count string) string {
	want, _ := strconv.Atoi(count)
	best := ""
	for _, l := range literals {
		name, c, _ := cutLiteral(l)
		if name != known {
			continue
		}
		best = l
		if n, _ := strconv.Atoi(c); n >= want {
			break
		}
	}
	return best
}
