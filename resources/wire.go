// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"strconv"
)

// Entry is one resource of a task template: a name (CPU, GPU, MEMORY, EPHEMERAL_STORAGE) and a quantity as text.
type Entry struct{ Name, Value string }

// Wire is what the SDK sends for a Resources: the message flyteidl2 core.Resources, and its extended resources.
type Wire struct {
	Requests, Limits []Entry
	Accelerator      *WireAccelerator // nil: none
	SharedMemory     *string          // size limit for /dev/shm; "" is auto; nil: not asked
}

// WireAccelerator is flyteidl2 core.GPUAccelerator.
type WireAccelerator struct {
	Device      string // as sent: "nvidia-tesla-a100", or the SDK's name where it has no other
	Class       int    // 0 NVIDIA_GPU, 1 GOOGLE_TPU, 2 AMAZON_NEURON, 3 AMD_GPU, 4 HABANA_GAUDI, 5 APPLE_SILICON
	Partition   string
	Partitioned bool // Partition was sent, even if empty
}

// Wire gives what the SDK would send for r.
func (r Resources) Wire() (Wire, error) {
	w := r.written()
	if _, err := w.check(); err != nil {
		return Wire{}, err
	}
	return w.wire()
}

// wire follows flyte-sdk src/flyte/_internal/runtime/resources_serde.py. Call it after check.
func (w *written) wire() (Wire, error) {
	var out Wire
	add := func(name string, v value) {
		switch v.kind {
		case none:
		case tuple:
			out.Requests = append(out.Requests, Entry{name, v.items[0].str()})
			out.Limits = append(out.Limits, Entry{name, v.items[1].str()})
		default:
			out.Requests = append(out.Requests, Entry{name, v.str()})
		}
	}
	add("CPU", w.cpu)
	add("MEMORY", w.memory)
	d := w.device()
	if d != nil {
		add("GPU", strValue(d.quantity.str()))
	}
	add("EPHEMERAL_STORAGE", w.disk)
	if w.shm.kind != none {
		size := w.shm.text
		if size == string(Auto) {
			size = ""
		}
		out.SharedMemory = &size
	}
	if d == nil || w.gpu.kind == boolean || w.gpu.kind == integer {
		return out, nil
	}
	var err error
	out.Accelerator, err = d.wire()
	return out, err
}

// textNoDevice is the SDK's own message.
const textNoDevice = "Device type must be specified for GPU string."

func (d *device) wire() (*WireAccelerator, error) {
	if d.name.kind == none {
		return nil, fmt.Errorf("serialise the device: %s", textNoDevice)
	}
	if d.name.kind != str {
		return nil, fmt.Errorf("serialise the device: its name is no string: %s", d.name.repr())
	}
	a := &WireAccelerator{Device: d.name.text}
	if wire, ok := wireNames[a.Device]; ok {
		a.Device = wire
	}
	if c, ok := lookupClass(DeviceClass(d.class.str())); ok {
		a.Class = c.number
	}
	switch {
	case d.partition.falsy(): // "partition or None"
	case d.partition.kind == str:
		a.Partition, a.Partitioned = d.partition.text, true
	default:
		return nil, fmt.Errorf("serialise the device: its partition is no string: %s", d.partition.repr())
	}
	return a, nil
}

// FromWire reads a task template's resources. Anything the backend would read is read, also what the SDK never
// sends (a limit without a request); what it cannot parse is refused.
func FromWire(w Wire) (Resources, []Warning, error) {
	var r Resources
	count := ""
	for i, entries := range [][]Entry{w.Requests, w.Limits} {
		for _, e := range entries {
			switch e.Name {
			case "CPU":
				r.CPU.set(i, e.Value)
			case "MEMORY":
				r.Memory.set(i, e.Value)
			case "EPHEMERAL_STORAGE":
				r.Disk = Quantity(e.Value)
			case "GPU":
				count = e.Value
			}
			if e.Value == "" {
				return Resources{}, nil, &FieldError{Field: e.Name, Reason: "an empty quantity", Hint: "leave it out, or name one"}
			}
		}
	}
	var err error
	if r.GPU, err = deviceFromWire(count, w.Accelerator); err != nil {
		return Resources{}, nil, err
	}
	if w.SharedMemory != nil {
		if r.Shm = Quantity(*w.SharedMemory); r.Shm == "" {
			r.Shm = Auto
		}
	}
	warnings, err := r.regrets()
	if err != nil {
		return Resources{}, warnings, err
	}
	if a := w.Accelerator; a != nil && count == "" {
		warnings = append(warnings, Warning{Field: "gpu", Code: CodeIgnored, Text: "the accelerator " + a.Device +
			" comes without a number of devices and is ignored, as a cluster does; ask for one of them with gpu=" + strconv.Quote(nameFromWire(a.Device)+":1")})
	}
	return r, warnings, nil
}

func (r *Range) set(side int, text string) {
	if side == 0 {
		r.Request = Quantity(text)
	} else {
		r.Limit = Quantity(text)
	}
}

// deviceFromWire ignores an accelerator without a count, as the backend does.
func deviceFromWire(count string, a *WireAccelerator) (*Device, error) {
	if count == "" {
		return nil, nil
	}
	q, err := Quantity(count).Parse()
	if err != nil {
		return nil, &FieldError{Field: "gpu", Value: count, Reason: err.Error(), Hint: "name a number of devices"}
	}
	if q.IsZero() {
		return nil, nil
	}
	n, ok := q.AsInt64()
	if !ok || n < 0 || n > 1<<31-1 {
		return nil, &FieldError{Field: "gpu", Value: count, Reason: "not a number of devices", Hint: "did you mean gpu=1?"}
	}
	d := &Device{Quantity: int(n), Class: ClassGPU}
	if a == nil {
		return d, nil
	}
	for _, c := range classes {
		if c.number == a.Class {
			d.Class = c.class
		}
	}
	d.Device, d.Partition = nameFromWire(a.Device), a.Partition
	return d, nil
}

// nameFromWire is the SDK's name for a device as sent.
func nameFromWire(device string) string {
	for name, wire := range wireNames {
		if _, old := deprecated[name]; wire == device && !old {
			return name
		}
	}
	return device
}
