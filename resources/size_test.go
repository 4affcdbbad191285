// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"64Mi": 64 * mebi, "1.5Gi": 1536 * mebi, "1G": 1e9, "0": 0, "0Gi": 0, "1e9": 1e9, "8Ei": math.MaxInt64, "2Mi": 2 * mebi,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", in, got, err, want)
		}
	}
	for in, hint := range map[string]string{
		"400m": `did you mean "400Mi"?`, "64": `did you mean "64Gi"?`, "1GB": `did you mean "1G"?`, "-1Gi": `did you mean "1Gi"?`,
		"": "write a size", "Gi": "write the number", "1e400": "below 8Ei", "auto": "name a size", "1E": `"1e9"`,
	} {
		if got, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %d, %v; want a hint %q", in, got, err, hint)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for _, c := range []struct {
		bytes       int64
		kube, human string
	}{
		{0, "0", "0 B"}, {512, "512", "512 B"}, {64 * mebi, "64Mi", "64 MiB"}, {1536 * mebi, "1536Mi", "1.5 GiB"},
		{gibi, "1Gi", "1 GiB"}, {1_500_000_000, "1500000000", "1.4 GiB"}, {gibi - 1, "1073741823", "1 GiB"},
		{math.MaxInt64, "9223372036854775807", "8 EiB"}, {-64 * mebi, "-64Mi", "-64 MiB"},
	} {
		if got := FormatSize(c.bytes); got != c.kube {
			t.Errorf("FormatSize(%d) = %q, want %q", c.bytes, got, c.kube)
		}
		if got := FormatSizeHuman(c.bytes); got != c.human {
			t.Errorf("FormatSizeHuman(%d) = %q, want %q", c.bytes, got, c.human)
		}
	}
}

func TestNextMemory(t *testing.T) {
	for _, c := range []struct {
		name   string
		limit  int64
		factor float64
		max    int64
		want   Quantity
		ok     bool
	}{
		{"double", 64 * mebi, 2, 0, "128Mi", true},
		{"half more", gibi, 1.5, 0, "1536Mi", true},
		{"whole Gi", gibi, 2, 0, "2Gi", true},
		{"rounds up", 100_000_000, 2, 0, "191Mi", true},
		{"capped", 3 * gibi, 2, 4 * gibi, "4Gi", true},
		{"at the cap", 4 * gibi, 2, 4 * gibi, "", false},
		{"above the cap", 5 * gibi, 2, 4 * gibi, "", false},
		{"factor one", gibi, 1, 0, "", false},
		{"factor nan", gibi, math.NaN(), 0, "", false},
		{"factor inf", gibi, math.Inf(1), 4 * gibi, "4Gi", true},
		{"no limit", 0, 2, 0, "", false},
		{"saturates", math.MaxInt64, 2, 0, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := NextMemory(c.limit, c.factor, c.max); got != c.want || ok != c.ok {
				t.Errorf("got %q, %v, want %q, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestPython(t *testing.T) {
	for _, c := range []struct {
		in   Resources
		want string
	}{
		{Resources{}, `flyte.Resources()`},
		{Resources{CPU: Of("1"), Memory: Of("1Gi")}, `flyte.Resources(cpu=1, memory="1Gi")`},
		{Resources{CPU: Pair("500m", "0.5"), Memory: Pair("1Gi", "2Gi"), Disk: "10Gi", Shm: Auto},
			`flyte.Resources(cpu=("500m", 0.5), memory=("1Gi", "2Gi"), disk="10Gi", shm="auto")`},
		{Resources{GPU: &Device{2, ClassGPU, "", ""}}, `flyte.Resources(gpu=2)`},
		{Resources{GPU: &Device{8, ClassGPU, "A100_80G", ""}}, `flyte.Resources(gpu="A100_80G:8")`},
		{Resources{GPU: &Device{1, ClassGPU, "A100", "1g.5gb"}}, `flyte.Resources(gpu=flyte.GPU("A100", 1, "1g.5gb"))`},
		{Resources{GPU: &Device{1, ClassTPU, "V5P", "2x2x1"}}, `flyte.Resources(gpu=flyte.TPU("V5P", "2x2x1"))`},
		{Resources{GPU: &Device{2, ClassAMD, "MI300X", ""}}, `flyte.Resources(gpu=flyte.Device(2, "AMD_GPU", "MI300X"))`},
	} {
		t.Run(c.want, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.in.Python()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConstructors(t *testing.T) {
	made := func(d *Device, err error) *Device {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		got  *Device
		want Device
	}{
		{made(GPU("A100 80G", 2, "1g.10gb")), Device{2, ClassGPU, "A100_80G", "1g.10gb"}},
		{made(TPU("V5E", "2x2")), Device{1, ClassTPU, "V5E", "2x2"}},
		{made(Neuron("Inf2")), Device{1, ClassNeuron, "Inf2", ""}},
		{made(AMDGPU("MI300X")), Device{1, ClassAMD, "MI300X", ""}},
		{made(HabanaGaudi("Gaudi1")), Device{1, ClassGaudi, "Gaudi1", ""}},
		{AppleSilicon(), Device{1, ClassAppleSilicon, "AppleSilicon", ""}},
		{made(Count(3)), Device{3, ClassGPU, "", ""}},
	} {
		if diff := cmp.Diff(c.want, *c.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, err := GPU("T4 shared", 1, "1g.5gb"); err == nil || !strings.HasPrefix(err.Error(), "A shared GPU takes no partition, got '1g.5gb' for T4 shared.") {
		t.Errorf("shared with a partition: %v", err)
	}
	if d, err := Count(0); d != nil || err != nil {
		t.Errorf("Count(0) = %v, %v", d, err)
	}
	if _, err := Count(-1); !isSDKError(err) {
		t.Errorf("Count(-1): %v", err)
	}
}

func TestFromWire(t *testing.T) {
	auto := ""
	in := Wire{
		Requests:     []Entry{{"CPU", "1"}, {"MEMORY", "1Gi"}, {"GPU", "2"}},
		Limits:       []Entry{{"CPU", "2"}},
		Accelerator:  &WireAccelerator{Device: "nvidia-tesla-a100", Partition: "1g.5gb", Partitioned: true},
		SharedMemory: &auto,
	}
	r, warnings, err := FromWire(in)
	want := Resources{CPU: Pair("1", "2"), Memory: Of("1Gi"), GPU: &Device{2, ClassGPU, "A100", "1g.5gb"}, Shm: Auto}
	if diff := cmp.Diff(want, r); err != nil || len(warnings) > 0 || diff != "" {
		t.Fatalf("warnings %v, error %v (-want +got):\n%s", warnings, err, diff)
	}
	back, err := r.Wire()
	if diff := cmp.Diff(in, back); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if r, _, err := FromWire(Wire{Limits: []Entry{{"MEMORY", "1Gi"}}}); err != nil || r.Memory != (Range{"", "1Gi"}) {
		t.Errorf("limit alone: %+v, %v", r, err)
	}
	r, warnings, err = FromWire(Wire{Accelerator: &WireAccelerator{Device: "nvidia-tesla-a100"}})
	if err != nil || r.GPU != nil || len(warnings) != 1 || warnings[0].Code != CodeIgnored || !strings.Contains(warnings[0].Text, `gpu="A100:1"`) {
		t.Errorf("a type without a number: %+v, %v, %v", r, warnings, err)
	}
}
