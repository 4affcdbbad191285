// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"slices"
	"strconv"
	"strings"
)

// DeviceClass is the kind of accelerator, as flyte.Device names it.
type DeviceClass string

// The classes of the SDK (flyte-sdk src/flyte/_resources.py, DeviceClass).
const (
	ClassGPU          DeviceClass = "GPU"
	ClassTPU          DeviceClass = "TPU"
	ClassNeuron       DeviceClass = "NEURON"
	ClassAMD          DeviceClass = "AMD_GPU"
	ClassGaudi        DeviceClass = "HABANA_GAUDI"
	ClassAppleSilicon DeviceClass = "APPLE_SILICON"
)

const appleSilicon = "AppleSilicon"

// classInfo is what is known about one class: the SDK's device names, the number and name on the wire
// (flyteidl2 core/tasks.proto, GPUAccelerator.DeviceClass), the Kubernetes resource
// (flyteplugins flytek8s/config/config.go) and how many devices the largest machine has.
type classInfo struct {
	class    DeviceClass
	devices  []string
	number   int
	wire     string
	resource string
	most     int
}

// classes is in the order in which the SDK looks a name up.
var classes = []classInfo{
	{ClassGPU, gpuTypes, 0, "NVIDIA_GPU", "nvidia.com/gpu", 8},
	{ClassTPU, tpuTypes, 1, "GOOGLE_TPU", "google.com/tpu", 8},
	{ClassNeuron, neuronTypes, 2, "AMAZON_NEURON", "aws.amazon.com/neuron", 16},
	{ClassAMD, amdTypes, 3, "AMD_GPU", "amd.com/gpu", 8},
	{ClassGaudi, gaudiTypes, 4, "HABANA_GAUDI", "habana.ai/gaudi", 8},
	{ClassAppleSilicon, []string{appleSilicon}, 5, "APPLE_SILICON", "nvidia.com/gpu", 1},
}

var (
	sharedTypes = []string{"T4 shared", "L4 shared", "A10G shared", "A10 shared", "L40S shared"}
	gpuTypes    = append([]string{
		"A2", "A10", "A10G", "A100", "A100_80G", "B200", "H100", "H200", "L4", "L40s", "T4", "V100",
		"RTX_PRO_4500", "RTX_PRO_6000", "GB10",
	}, sharedTypes...)
	tpuTypes    = []string{"V5E", "V5P", "V6E"}
	neuronTypes = []string{"Inf1", "Inf2", "Trn1", "Trn1n", "Trn2", "Trn2u"}
	amdTypes    = []string{"MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI325X", "MI350X", "MI355X"}
	gaudiTypes  = []string{"Gaudi1"}
)

// partitions lists the SDK's MIG profiles and TPU slices by device, in the SDK's order.
var partitions = map[string][]string{
	"A100":         {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"},
	"A100_80G":     {"1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"},
	"H100":         {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"},
	"H200":         {"1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"},
	"RTX_PRO_6000": {"1g.24gb", "2g.48gb", "4g.96gb"},
	"V5E":          {"1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16"},
	"V5P": {"2x2x1", "2x2x2", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8", "8x8x16", "8x16x16", "16x16x16",
		"16x16x24"},
	"V6E": {"1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16"},
}

// deprecated maps spellings of older SDKs to today's.
var deprecated = map[string]string{"A100 80G": "A100_80G", "RTX PRO 6000": "RTX_PRO_6000"}

// wireNames maps device names to what the SDK sends; names that are not here go as they are
// (flyte-sdk src/flyte/_internal/runtime/resources_serde.py, ACCELERATOR_DEVICE_MAP).
var wireNames = map[string]string{
	"A100":         "nvidia-tesla-a100",
	"A100_80G":     "nvidia-a100-80gb",
	"A100 80G":     "nvidia-a100-80gb",
	"H100":         "nvidia-tesla-h100",
	"A10":          "nvidia-a10",
	"A10G":         "nvidia-a10g",
	"A100G":        "nvidia-a100g",
	"L4":           "nvidia-l4",
	"L40s":         "nvidia-l40s",
	"L4_VWS":       "nvidia-l4-vws",
	"K80":          "nvidia-tesla-k80",
	"M60":          "nvidia-tesla-m60",
	"P4":           "nvidia-tesla-p4",
	"P100":         "nvidia-tesla-p100",
	"RTX_PRO_4500": "nvidia-rtx-pro-4500",
	"RTX_PRO_6000": "nvidia-rtx-pro-6000",
	"RTX PRO 6000": "nvidia-rtx-pro-6000",
	"T4":           "nvidia-tesla-t4",
	"V100":         "nvidia-tesla-v100",
	"V5E":          "tpu-v5-lite-podslice",
	"V5P":          "tpu-v5p-slice",
	"V6E":          "tpu-v6e-slice",
}

// literals lists every Type:N that flyte.Resources(gpu=...) takes, in the SDK's order, which its error text shows.
var literals = slices.Concat(
	[]string{"A2:1"},
	upTo("A10", 8), upTo("A10G", 8), upTo("A100", 8), upTo("A100_80G", 8), upTo("B200", 8), upTo("H100", 8),
	upTo("H200", 8), upTo("L4", 8), upTo("L40s", 8), upTo("V100", 8),
	[]string{"RTX_PRO_4500:1", "RTX_PRO_6000:1", "RTX_PRO_6000:2", "GB10:1"},
	upTo("T4", 8),
	each(sharedTypes, 1),
	each([]string{"Trn1"}, 1, 4, 8, 16), each([]string{"Trn1n"}, 1, 4, 8, 16),
	each([]string{"Trn2"}, 1, 4, 8, 16), each([]string{"Trn2u"}, 1, 4, 8, 16),
	upTo("Inf1", 16), upTo("Inf2", 12),
	each(amdTypes, 1), each(gaudiTypes, 1),
	[]string{appleSilicon, "AppleSilicon:1"},
)

func upTo(name string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = name + ":" + strconv.Itoa(i+1)
	}
	return out
}

func each(names []string, counts ...int) []string {
	var out []string
	for _, name := range names {
		for _, n := range counts {
			out = append(out, name+":"+strconv.Itoa(n))
		}
	}
	return out
}

// Devices lists the SDK's device names of a class, in its order; nil for a class it does not know.
func Devices(class DeviceClass) []string {
	if c, ok := lookupClass(class); ok {
		return slices.Clone(c.devices)
	}
	return nil
}

// Partitions lists the MIG profiles or TPU slices that the SDK knows for a device; nil when it has no table.
func Partitions(device string) []string { return slices.Clone(partitions[device]) }

// Literals lists every string that gpu= takes, such as "A100:8".
func Literals() []string { return slices.Clone(literals) }

// Shared reports whether a device name stands for a time-sliced share of a GPU ("T4 shared").
func Shared(device string) bool { return slices.Contains(sharedTypes, device) }

func lookupClass(class DeviceClass) (classInfo, bool) {
	i := slices.IndexFunc(classes, func(c classInfo) bool { return c.class == class })
	if i < 0 {
		return classInfo{}, false
	}
	return classes[i], true
}

// classOf finds the class that a device name belongs to.
func classOf(device string) (DeviceClass, bool) {
	for _, c := range classes {
		if slices.Contains(c.devices, device) {
			return c.class, true
		}
	}
	return "", false
}

// sameIgnoringCase finds the known name that differs from s only in case, blanks, dashes or underscores.
func sameIgnoringCase(s string) (string, bool) {
	fold := func(t string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(t))
	}
	want := fold(s)
	want = strings.TrimSuffix(want, "b") // A100_80GB
	for _, c := range classes {
		for _, d := range c.devices {
			if f := fold(d); f == want || f == fold(s) {
				return d, true
			}
		}
	}
	return "", false
}
