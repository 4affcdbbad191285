// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"slices"
	"strings"
)

// device is a flyte.Device as Python holds it: any field may be of any type, because the SDK checks few of them.
type device struct {
	quantity, class, name, partition value
}

// repr is what rich prints: required fields by position, the others when they are set.
func (d *device) repr() string {
	parts := []string{d.quantity.repr(), d.class.repr()}
	if d.name.kind != none {
		parts = append(parts, "device="+d.name.repr())
	}
	if d.partition.kind != none {
		parts = append(parts, "partition="+d.partition.repr())
	}
	return "Device(" + strings.Join(parts, ", ") + ")"
}

const textQuantity = "GPU quantity must be at least 1"

func gpuError(text string) error { return &SDKError{Field: "gpu", Text: text} }

// checkQuantity is the SDK's "quantity < 1"; what Python cannot compare is refused in our words.
func checkQuantity(q value) error {
	if !q.isNumber() {
		return &FieldError{Field: "gpu", Value: q.str(), Reason: "the quantity of a device is a number", Hint: "write it as quantity: 1"}
	}
	if _, below := q.number(); below {
		return gpuError(textQuantity)
	}
	return nil
}

// newDevice is flyte.Device(...): the only checks that every device passes (Device.__post_init__).
func newDevice(quantity, class, name, partition value) (*device, error) {
	if err := checkQuantity(quantity); err != nil {
		return nil, err
	}
	isApple := class.kind == str && class.text == string(ClassAppleSilicon)
	if (name.kind == str && name.text == appleSilicon) != isApple {
		return nil, gpuError(`The Apple Silicon device is device="AppleSilicon" with device_class="APPLE_SILICON"`)
	}
	if isApple && quantity.repr() != "1" && quantity.repr() != "True" && quantity.repr() != "1.0" {
		return nil, gpuError("An Apple Silicon device is the Mac's single Metal GPU; quantity must be 1")
	}
	return &device{quantity, class, name, partition}, nil
}

// newGPU is flyte.GPU(...).
func newGPU(name, quantity, partition value) (*device, []Warning, error) {
	if err := checkQuantity(quantity); err != nil {
		return nil, nil, err
	}
	name, warnings := currentName(name)
	if !isOneOf(name, gpuTypes) {
		return nil, warnings, gpuError("Invalid GPU type: " + name.str() + ". Must be one of " + pyTuple(gpuTypes))
	}
	if partition.kind != none {
		if isOneOf(name, sharedTypes) {
			return nil, warnings, gpuError("A shared GPU takes no partition, got " + partition.repr() + " for " + name.text +
				". Request a plain device to use a MIG partition.")
		}
		if err := checkPartition(name, partition); err != nil {
			return nil, warnings, err
		}
	}
	d, err := newDevice(quantity, strValue(string(ClassGPU)), name, partition)
	return d, warnings, err
}

// newTPU is flyte.TPU(...); its quantity is always 1.
func newTPU(name, partition value) (*device, error) {
	if err := checkName(name, "TPU", tpuTypes); err != nil {
		return nil, err
	}
	if partition.kind != none {
		if err := checkPartition(name, partition); err != nil {
			return nil, err
		}
	}
	return newDevice(intValue(1), strValue(string(ClassTPU)), name, partition)
}

// newSingle is flyte.Neuron, AMD_GPU and HABANA_GAUDI: one device, no partition.
func newSingle(class DeviceClass, title string, name value) (*device, error) {
	if err := checkName(name, title, Devices(class)); err != nil {
		return nil, err
	}
	return newDevice(intValue(1), strValue(string(class)), name, value{})
}

func checkName(name value, title string, known []string) error {
	if isOneOf(name, known) {
		return nil
	}
	return gpuError("Invalid " + title + " type: " + name.str() + ". Must be one of " + pyTuple(known))
}

// checkPartition refuses a partition that the SDK's table of the device lacks; devices without a table take any.
func checkPartition(name, partition value) error {
	known, ok := partitions[name.text]
	if !ok || isOneOf(partition, known) {
		return nil
	}
	return gpuError("Invalid partition for " + name.text + ": " + partition.str() + ". Must be one of " + pyTuple(known))
}

func isOneOf(v value, known []string) bool { return v.kind == str && slices.Contains(known, v.text) }

// currentName replaces a deprecated spelling, with the SDK's warning.
func currentName(name value) (value, []Warning) {
	current, old := deprecated[name.text]
	if !old || name.kind != str {
		return name, nil
	}
	return strValue(current), []Warning{{
		Field: "gpu", Code: CodeDeprecated,
		Text: "GPU type '" + name.text + "' is deprecated, use '" + current + "' instead.",
	}}
}

// pyTuple prints names as Python prints a tuple of strings.
func pyTuple(names []string) string {
	v := value{kind: tuple}
	for _, n := range names {
		v.items = append(v.items, strValue(n))
	}
	return v.repr()
}
