// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// labelValue is what Kubernetes takes as the value of a node label (k8s.io/apimachinery pkg/util/validation).
var labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)

// b200 lists the MIG profiles of a device that has MIG and for which the SDK has no table.
var b200 = []string{"1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"}

// findings judges a device that the SDK accepts: the first thing that is wrong with its class and name, with its
// partition, and with its number.
func (d Device) findings() []finding {
	if d.Class == "" {
		d.Class = ClassGPU
	}
	var out []finding
	for _, judge := range []func(Device) (finding, bool){Device.badName, Device.badPartition, Device.badCount, Device.labelled} {
		if f, ok := judge(d); ok {
			f.Field = "gpu"
			out = append(out, f)
		}
	}
	return out
}

func (d Device) badName() (finding, bool) {
	if _, ok := lookupClass(d.Class); !ok && labelValue.MatchString(d.Device) {
		return finding{Code: CodeDevice, reason: "an unknown device class is sent as NVIDIA_GPU", hint: d.meantClass()}, true
	}
	if d.Device == "" && !d.isCount() {
		return finding{Code: CodeDevice, reason: "no device name; the SDK fails later, when it serialises the task",
			hint: "name the device, such as " + exampleOf(string(d.Class)), refuse: true}, true
	}
	current := d
	if name, old := deprecated[d.Device]; old {
		current.Device = name
	}
	class, known := classOf(current.Device)
	switch {
	case known && class != d.Class:
		right := current
		right.Class = class
		return finding{Code: CodeDevice, reason: "class and device do not belong together", hint: didYouMean(right.Python())}, true
	case known || d.Device == "" || wireNames[d.Device] != "":
		return finding{}, false
	}
	label := labelValue.MatchString(d.Device)
	if name, ok := sameIgnoringCase(d.Device); ok {
		right := d
		right.Device = name
		right.Class, _ = classOf(name)
		return finding{Code: CodeDevice, refuse: !label, reason: "not a name that the SDK knows; names are exact, also in case and blanks",
			hint: didYouMean(right.Python())}, true
	}
	if !label {
		return finding{Code: CodeDevice, refuse: true, reason: "the name becomes a label value, which holds letters, digits, - _ . only, at most 63",
			hint: "name the device as the nodes are labelled"}, true
	}
	return finding{}, false
}

// meantClass guesses the class from the device, or from the word.
func (d Device) meantClass() string {
	right := d
	if class, ok := classOf(d.Device); ok {
		right.Class = class
		return didYouMean("Device(" + strconv.Itoa(d.Quantity) + ", " + pyDouble(string(class)) + ", " + pyDouble(d.Device) + ")")
	}
	for _, c := range classes {
		if strings.EqualFold(string(c.class), string(d.Class)) {
			right.Class = c.class
			return didYouMean(right.Python())
		}
	}
	return "the classes are GPU, TPU, NEURON, AMD_GPU, HABANA_GAUDI and APPLE_SILICON; name one of them"
}

func (d Device) badPartition() (finding, bool) {
	if d.Partition == "" {
		return finding{}, false
	}
	whole := d
	whole.Partition = ""
	name := d.Device
	if current, old := deprecated[name]; old {
		name = current
	}
	known, listed := partitions[name]
	f := finding{Code: CodePartition}
	switch {
	case listed && slices.Contains(known, d.Partition):
		return finding{}, false
	case !labelValue.MatchString(d.Partition):
		f.reason = "the partition becomes a label value, which cannot hold a space, a plus or the like"
		f.hint, f.refuse = "name a MIG profile without +me or +gfx, such as \"1g.5gb\"", true
	case Shared(name):
		f.reason, f.hint, f.refuse = "a shared GPU takes no partition", didYouMean(whole.Python()), true
	case listed:
		near := d
		near.Device, near.Partition = name, nearest(known, d.Partition)
		f.reason, f.hint = "this is no partition of "+name, didYouMean(near.Python())
	case name == "B200" && slices.Contains(b200, d.Partition):
		return finding{}, false
	case name == "B200":
		f.reason, f.hint = "no such MIG profile; the SDK has no table for B200", "name a profile the device has, such as \"1g.23gb\""
	default:
		if _, ok := classOf(name); !ok {
			return finding{}, false // a device that nobody here knows may well have it
		}
		f.reason, f.hint = name+" cannot be partitioned; the SDK does not check it", didYouMean(whole.Python())
	}
	return f, true
}

// nearest is the first profile with as many slices, or the first of all.
func nearest(known []string, partition string) string {
	slices, _, _ := strings.Cut(partition, ".")
	for _, k := range known {
		if strings.HasPrefix(k, slices+".") {
			return k
		}
	}
	return known[0]
}

func (d Device) badCount() (finding, bool) {
	c, ok := lookupClass(d.Class)
	if !ok || d.Quantity <= c.most {
		return finding{}, false
	}
	fewer := d
	fewer.Quantity = c.most
	text := fewer.Python()
	if d.isCount() {
		text = "gpu=" + text
	}
	return finding{Code: CodeDevice, reason: "hardly any machine has that many", hint: didYouMean(text)}, true
}

// labelled says where the name that is sent is not the one that nodes usually carry.
func (d Device) labelled() (finding, bool) {
	f := finding{Code: CodeDevice}
	switch {
	case Shared(d.Device):
		f.reason = "the name is sent as it is and becomes a label value, which cannot hold a space"
		f.hint = "use a backend configured for shared devices"
	case d.Class == ClassAppleSilicon:
		f.reason = "the device class is unknown to a cluster, which asks for nvidia.com/gpu on a node labelled AppleSilicon"
		f.hint = "only a devbox on an Apple Silicon Mac serves this"
	case d.Class == ClassGPU && d.Device == "H100":
		f.reason = "the SDK labels it nvidia-tesla-h100; the backend's own table calls an H100 nvidia-h100"
		f.hint = "on a cluster, see that the nodes carry the SDK's label"
	case d.Class == ClassTPU && chips(d.Partition) > 1:
		f.reason = "a slice of " + strconv.Itoa(chips(d.Partition)) + " chips, and google.com/tpu: 1; a TPU's quantity is always 1"
		f.hint = "on a cluster, see that the platform sets the chips per host"
	default:
		return f, false
	}
	return f, true
}

// chips is the number of chips in a TPU slice: the product of its dimensions; 0 when it is none.
func chips(slice string) int {
	n := 1
	for _, side := range strings.Split(slice, "x") {
		k, err := strconv.Atoi(side)
		if err != nil || k < 1 || k > 1024 || n > 1<<20 {
			return 0
		}
		n *= k
	}
	return n
}
