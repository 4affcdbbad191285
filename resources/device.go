// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Device is what gpu= asks for, resolved: how many, of which class and type, and which part of one.
type Device struct {
	Quantity  int         // at least 1
	Class     DeviceClass // "" is GPU
	Device    string      // type, such as "A100"; "" means any GPU (a plain count)
	Partition string      // MIG profile ("1g.5gb") or TPU slice ("2x2x1"); "" means whole devices
}

// Count asks for n GPUs of any type, as gpu=n does; nil for zero. It fails for a negative n.
func Count(n int) (*Device, error) {
	if n < 0 {
		return nil, gpuError("gpu must be greater than or equal to 0")
	}
	if n == 0 {
		return nil, nil
	}
	return &Device{Quantity: n, Class: ClassGPU}, nil
}

// GPU is flyte.GPU: quantity NVIDIA GPUs of a type, or of one MIG partition of it; partition "" means whole ones.
// Deprecated spellings are replaced. Errors are the SDK's (*SDKError).
func GPU(name string, quantity int, partition string) (*Device, error) {
	d, _, err := newGPU(strValue(name), intValue(quantity), optional(partition))
	return d.typed(err)
}

// TPU is flyte.TPU: one slice of a type; slice "" leaves the topology open.
func TPU(name, slice string) (*Device, error) {
	return typedDevice(newTPU(strValue(name), optional(slice)))
}

// Neuron is flyte.Neuron: one AWS Inferentia or Trainium device.
func Neuron(name string) (*Device, error) {
	return typedDevice(newSingle(ClassNeuron, "Neuron", strValue(name)))
}

// AMDGPU is flyte.AMD_GPU: one AMD GPU.
func AMDGPU(name string) (*Device, error) {
	return typedDevice(newSingle(ClassAMD, "AMD GPU", strValue(name)))
}

// HabanaGaudi is flyte.HABANA_GAUDI: one Gaudi accelerator.
func HabanaGaudi(name string) (*Device, error) {
	return typedDevice(newSingle(ClassGaudi, "Habana Gaudi", strValue(name)))
}

// AppleSilicon is flyte.APPLE_SILICON: the Mac's one Metal GPU.
func AppleSilicon() *Device {
	return &Device{Quantity: 1, Class: ClassAppleSilicon, Device: appleSilicon}
}

func optional(s string) value {
	if s == "" {
		return value{}
	}
	return strValue(s)
}

func typedDevice(d *device, err error) (*Device, error) { return d.typed(err) }

// typed turns a Python device into ours; a field that ours cannot hold is refused with what to write instead.
func (d *device) typed(err error) (*Device, error) {
	if err != nil {
		return nil, err
	}
	n, err := d.count()
	if err != nil {
		return nil, err
	}
	refuse := func(reason, hint string) error {
		return &FieldError{Field: "gpu", Value: d.repr(), Reason: reason, Hint: hint}
	}
	switch {
	case d.class.kind != str:
		return nil, refuse("the class of a device is a word", "did you mean class GPU?")
	case d.name.kind != str && d.name.kind != none:
		return nil, refuse("the device is not a name; the SDK fails later, when it serialises the task", `name it, such as "T4"`)
	case d.partition.kind != str && d.partition.kind != none:
		whole := *d
		whole.partition = value{}
		return nil, refuse("the partition is not a string; the SDK fails later, when it serialises the task",
			"did you mean "+whole.python()+"?")
	case d.name.kind == none && (d.class.text != string(ClassGPU) || d.partition.kind != none):
		return nil, refuse("no device name; the SDK fails later, when it serialises the task", "name the device, such as "+exampleOf(d.class.text))
	case d.name.kind == none:
		return nil, refuse("no device name; the SDK fails later, when it serialises the task", "did you mean gpu="+strconv.Itoa(n)+"?")
	}
	return &Device{Quantity: n, Class: DeviceClass(d.class.text), Device: d.name.text, Partition: d.partition.text}, nil
}

func exampleOf(class string) string {
	if names := Devices(DeviceClass(class)); len(names) > 0 {
		return quoted(names[0])
	}
	return `"T4"`
}

// count is the quantity as a number that a machine can have.
func (d *device) count() (int, error) {
	return wholeCount(d.quantity, func(n int) string { return d.with(n).python() })
}

func (d *device) with(n int) *device {
	c := *d
	c.quantity = intValue(n)
	return &c
}

// wholeCount reads a device count; write says how the person would write another one.
func wholeCount(q value, write func(int) string) (int, error) {
	refuse := func(reason, hint string) error {
		return &FieldError{Field: "gpu", Value: q.repr(), Reason: reason, Hint: hint}
	}
	switch q.kind {
	case boolean:
		if q.text == "False" {
			return 0, nil
		}
		return 0, refuse("a truth value is sent as the word True", "did you mean "+write(1)+"?")
	case float:
		f, err := strconv.ParseFloat(q.text, 64)
		if err != nil || !(f >= 0 && f < 1<<31) {
			return 0, refuse("not a number of devices", "did you mean "+write(1)+"?")
		}
		n := int(f)
		if float64(n) < f {
			return 0, refuse("devices come whole", "did you mean "+write(n+1)+"?")
		}
		return n, nil
	default:
		n, err := strconv.ParseInt(q.text, 10, 32)
		if err != nil {
			return 0, refuse("no machine has that many", "did you mean "+write(8)+"?")
		}
		return int(n), nil
	}
}

// python is the device as a person would write it.
func (d *device) python() string {
	t := Device{Class: DeviceClass(d.class.text), Device: d.name.text, Partition: d.partition.text, Quantity: 1}
	if n, err := strconv.Atoi(d.quantity.text); err == nil {
		t.Quantity = n
	}
	return t.Python()
}

// raw is the Python device that d stands for.
func (d Device) raw() *device {
	class := d.Class
	if class == "" {
		class = ClassGPU
	}
	return &device{intValue(d.Quantity), strValue(string(class)), optional(d.Device), optional(d.Partition)}
}

// isCount reports whether d is what gpu=n gives: GPUs of any type.
func (d Device) isCount() bool {
	return (d.Class == ClassGPU || d.Class == "") && d.Device == "" && d.Partition == ""
}

// Literal is the gpu= string for the device ("A100:2"), when the SDK has one.
func (d Device) Literal() (string, bool) {
	s := d.Device + ":" + strconv.Itoa(d.Quantity)
	class, known := classOf(d.Device)
	if d.Partition != "" || !known || class != d.Class || !slices.Contains(literals, s) {
		return "", false
	}
	return s, true
}

// String is how messages name the device: "A100:2", "2 (any GPU)", "A100:1 (1g.5gb)".
func (d Device) String() string {
	n := strconv.Itoa(d.Quantity)
	switch {
	case d.isCount():
		return n + " (any GPU)"
	case d.Partition != "":
		return d.Device + ":" + n + " (" + d.Partition + ")"
	case d.Device == "":
		return string(d.Class) + ":" + n
	}
	return d.Device + ":" + n
}

// deviceJSON is the map form, the same in JSON and YAML.
type deviceJSON struct {
	Class     DeviceClass `json:"class,omitempty" yaml:"class,omitempty"`
	Device    string      `json:"device,omitempty" yaml:"device,omitempty"`
	Quantity  int         `json:"quantity" yaml:"quantity"`
	Partition string      `json:"partition,omitempty" yaml:"partition,omitempty"`
}

// plain is the shortest form that reads back: a count, a literal or a map.
func (d Device) plain() any {
	if d.isCount() {
		return d.Quantity
	}
	if s, ok := d.Literal(); ok {
		return s
	}
	return deviceJSON{d.Class, d.Device, d.Quantity, d.Partition}
}

// MarshalJSON writes {class, device, quantity, partition}.
func (d Device) MarshalJSON() ([]byte, error) {
	return json.Marshal(deviceJSON{d.Class, d.Device, d.Quantity, d.Partition})
}

// UnmarshalJSON takes what gpu takes: a count, a literal or {class, device, quantity, partition}.
func (d *Device) UnmarshalJSON(data []byte) error {
	v, err := valueOfJSON(data)
	if err != nil {
		return err
	}
	// A device without a name comes from a plain count; MarshalJSON writes it as a map all the same.
	var m deviceJSON
	if v.kind == mapping && json.Unmarshal(data, &m) == nil && m.Device == "" && m.Partition == "" && m.Quantity > 0 && m.Class == ClassGPU {
		*d = Device{Quantity: m.Quantity, Class: ClassGPU}
		return nil
	}
	got, _, err := gpuOf(v)
	if err != nil {
		return err
	}
	if got == nil {
		return &FieldError{Field: "gpu", Value: string(data), Reason: "no device", Hint: "leave it out, or ask for at least 1"}
	}
	*d = *got
	return nil
}
