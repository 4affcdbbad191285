// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"strconv"
	"strings"
)

// Python is the line that a person pastes: flyte.Resources(cpu=1, memory="1Gi").
func (r Resources) Python() string {
	var args []string
	if !r.CPU.IsZero() {
		args = append(args, "cpu="+rangeText("cpu", r.CPU))
	}
	if !r.Memory.IsZero() {
		args = append(args, "memory="+rangeText("memory", r.Memory))
	}
	if r.GPU != nil {
		args = append(args, "gpu="+r.GPU.pythonValue())
	}
	if r.Disk != "" {
		args = append(args, "disk="+literalText("disk", r.Disk))
	}
	if r.Shm != "" {
		args = append(args, "shm="+literalText("shm", r.Shm))
	}
	return "flyte.Resources(" + strings.Join(args, ", ") + ")"
}

// Python is the device as a constructor call: GPU("A100", 1, "1g.5gb").
func (d Device) Python() string {
	name := pyDouble(d.Device)
	n := strconv.Itoa(d.Quantity)
	part := ""
	if d.Partition != "" {
		part = ", " + pyDouble(d.Partition)
	}
	class, known := classOf(d.Device)
	switch {
	case d.isCount():
		return n
	case !known || class != d.Class:
	case d.Class == ClassGPU:
		return "GPU(" + name + ", " + n + part + ")"
	case d.Quantity != 1:
	case d.Class == ClassTPU:
		return "TPU(" + name + part + ")"
	case part != "":
	case d.Class == ClassNeuron:
		return "Neuron(" + name + ")"
	case d.Class == ClassAMD:
		return "AMD_GPU(" + name + ")"
	case d.Class == ClassGaudi:
		return "HABANA_GAUDI(" + name + ")"
	case d.Class == ClassAppleSilicon:
		return "APPLE_SILICON()"
	}
	return "Device(" + n + ", " + pyDouble(string(d.Class)) + ", " + name + part + ")"
}

// pythonValue is what stands behind gpu= in a line that imports flyte only.
func (d Device) pythonValue() string {
	if s, ok := d.Literal(); ok {
		return pyDouble(s)
	}
	if d.isCount() {
		return strconv.Itoa(d.Quantity)
	}
	return "flyte." + d.Python()
}

func rangeText(field string, r Range) string {
	switch {
	case !r.IsPair():
		return literalText(field, r.Request)
	case r.Request == "":
		return "(None, " + literalText(field, r.Limit) + ")"
	}
	return "(" + literalText(field, r.Request) + ", " + literalText(field, r.Limit) + ")"
}

// literalText is a quantity as Python source: a number where cpu takes one, else a string.
func literalText(field string, q Quantity) string {
	if v := numberOrString(string(q)); field == "cpu" && v.kind != str {
		return v.text
	}
	return pyDouble(string(q))
}

// numberOrString tells numbers that Python prints the way they are written from everything else.
func numberOrString(s string) value {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return strValue(s)
	}
	if strings.Trim(digits, "0123456789") == "" {
		if s == "0" || digits[0] != '0' { // -0 prints as 0
			return value{kind: integer, text: s}
		}
		return strValue(s)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && pyFloat(f) == s {
		return value{kind: float, text: s}
	}
	return strValue(s)
}

// pyDouble is a Python string in double quotes.
func pyDouble(s string) string {
	inner := pyQuote(s)
	inner = inner[1 : len(inner)-1]
	inner = strings.ReplaceAll(inner, `\'`, `'`)
	if strings.HasPrefix(pyQuote(s), "'") {
		inner = strings.ReplaceAll(inner, `"`, `\"`)
	}
	return `"` + inner + `"`
}
