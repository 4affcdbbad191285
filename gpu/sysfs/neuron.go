// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"fmt"
	"path/filepath"
	"strings"

	"drydock/gpu"
	"drydock/resources"
)

// Neuron lists AWS Inferentia and Trainium devices: chips, not cores, as
// Flyte and Kubernetes count (aws-neuron-driver neuron_sysfs_metrics.c).
func Neuron(root string) gpu.Inventory {
	var inv gpu.Inventory
	base := filepath.Join(root, "sys/devices/virtual/neuron_device")
	instance := word(root, "sys/class/dmi/id/product_name")
	for _, n := range numbered(base, "neuron") {
		arch := filepath.Join(base, fmt.Sprintf("neuron%d", n), "info/architecture")
		d := gpu.Device{ID: gpu.ID(fmt.Sprintf("neuron-%d", n)), Class: resources.ClassNeuron, Index: n,
			Name: word(arch, "device_name"), Nodes: []string{fmt.Sprintf("/dev/neuron%d", n)}}
		d.Type, d.Rule = neuronType(word(arch, "instance_type"), instance)
		if d.Name == "" {
			d.Name = "AWS " + d.Type
		}
		d.Unusable, d.Groups = nodes(root, d.Nodes...)
		inv.Devices = append(inv.Devices, d)
	}
	return inv
}

// neuronType asks the machine's product name where the driver says the same
// of two: it calls a Trn1n a Trn1, and a Trn2u a Trn2.
func neuronType(instance, product string) (typ, rule string) {
	family, _, _ := strings.Cut(strings.ToLower(product), ".")
	switch {
	case instance == "Trn1" && family == "trn1n":
		return "Trn1n", "machine's product name"
	case instance == "Trn2" && family == "trn2u":
		return "Trn2u", "machine's product name"
	}
	for _, typ := range resources.Devices(resources.ClassNeuron) {
		if typ == instance {
			return typ, "instance type"
		}
	}
	return "", ""
}
