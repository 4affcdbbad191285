// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"maps"
	"slices"
	"strings"

	"drydock/resources"
)

// labels are further names for types: what the SDK sends
// (flyte-sdk src/flyte/_internal/runtime/resources_serde.py) and what Flyte's
// backend writes into node labels (flyteplugins flytek8s/config/config.go),
// in lower case. Names that are a type's in lower case need no entry.
var labels = map[string]string{
	"nvidia-a2": "A2", "nvidia-a10": "A10", "nvidia-a10g": "A10G", "nvidia-l4": "L4", "nvidia-l40s": "L40s",
	"nvidia-tesla-a100": "A100", "nvidia-a100": "A100", "nvidia-a100-80gb": "A100_80G", "a100 80g": "A100_80G",
	"nvidia-tesla-h100": "H100", "nvidia-h100": "H100", "nvidia-h100-80gb": "H100", "nvidia-h100-mega-80gb": "H100",
	"h100 80g": "H100", "h100 mega 80g": "H100",
	"nvidia-h200": "H200", "nvidia-b200": "B200", "nvidia-tesla-t4": "T4", "nvidia-tesla-v100": "V100",
	"nvidia-rtx-pro-4500": "RTX_PRO_4500", "nvidia-rtx-pro-6000": "RTX_PRO_6000", "rtx pro 6000": "RTX_PRO_6000",
	"tpu-v5-lite-podslice": "V5E", "tpu-v5p-slice": "V5P", "tpu-v6e-slice": "V6E",
	"habana-gaudi-dl1": "Gaudi1",
}

// TypeNamed is the SDK's name for a type in any of its spellings, and its
// class: "nvidia-tesla-a100", "a100" and "A100" are A100, of ClassGPU. A
// time-sliced share ("T4 shared") is a type of its own.
func TypeNamed(name string) (typ string, class resources.DeviceClass, ok bool) {
	low := strings.ToLower(strings.TrimSpace(name))
	if to, ok := labels[low]; ok {
		low = strings.ToLower(to)
	}
	for _, prefix := range []string{"aws-neuron-", "amd-"} {
		low = strings.TrimPrefix(low, prefix)
	}
	for _, class := range classOrder {
		for _, typ := range resources.Devices(class) {
			if strings.ToLower(typ) == low {
				return typ, class, true
			}
		}
	}
	return "", "", false
}

var classOrder = []resources.DeviceClass{resources.ClassGPU, resources.ClassTPU, resources.ClassNeuron,
	resources.ClassAMD, resources.ClassGaudi, resources.ClassAppleSilicon}

// noun is what one device of a class is called in sentences.
func noun(class resources.DeviceClass) string {
	switch class {
	case resources.ClassTPU:
		return "TPU chip"
	case resources.ClassNeuron:
		return "Neuron device"
	case resources.ClassAMD:
		return "AMD GPU"
	case resources.ClassGaudi:
		return "Gaudi accelerator"
	case resources.ClassAppleSilicon:
		return "Apple GPU"
	}
	return "GPU"
}

// helper is the call of the SDK that asks for a type.
func helper(class resources.DeviceClass, typ string) string {
	names := map[resources.DeviceClass]string{resources.ClassTPU: "TPU", resources.ClassNeuron: "Neuron",
		resources.ClassAMD: "AMD_GPU", resources.ClassGaudi: "HABANA_GAUDI"}
	if name, ok := names[class]; ok && typ != "" {
		return name + `("` + typ + `")`
	}
	return ""
}

// knownTypes are all that a request may name.
func knownTypes() []string {
	var all []string
	for _, class := range classOrder {
		all = append(all, resources.Devices(class)...)
	}
	return all
}

// moreProfiles are those of types for which the SDK has no table, by NVIDIA's
// mig-parted (deployments/systemd/config-default.yaml).
var moreProfiles = map[string][]string{
	"B200": {"1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"},
}

// offered are the partitions that a type can have.
func offered(typ string) []string {
	if more, ok := moreProfiles[typ]; ok {
		return more
	}
	return resources.Partitions(typ)
}

// unshared is the type of which one is a time-sliced share.
func unshared(typ string) string {
	if !resources.Shared(typ) {
		return typ
	}
	whole, _, _ := TypeNamed(strings.TrimSuffix(typ, " shared"))
	return whole
}

// tally counts names: 2×H100, 1×T4.
type tally struct {
	order []string
	n     map[string]int
}

func (t *tally) add(name string) {
	if t.n == nil {
		t.n = map[string]int{}
	}
	if t.n[name] == 0 {
		t.order = append(t.order, name)
	}
	t.n[name]++
}

func (t *tally) list() []string {
	var list []string
	for _, name := range t.order {
		list = append(list, plural(t.n[name], "×", name))
	}
	return list
}

func (t *tally) names() []string { return slices.Sorted(maps.Keys(t.n)) }
