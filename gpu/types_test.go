// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"encoding/json"
	"os"
	"testing"

	"drydock/resources"
)

// Names as drivers print them; what must not match stands beside what must.
func TestTypeOf(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA RTX PRO 6000 Blackwell Server Edition":            "RTX_PRO_6000",
		"NVIDIA RTX PRO 6000 Blackwell Workstation Edition":       "RTX_PRO_6000",
		"NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition": "RTX_PRO_6000",
		"NVIDIA RTX PRO 5000 Blackwell":                           "",
		"NVIDIA RTX PRO 4500 Blackwell":                           "RTX_PRO_4500",
		"NVIDIA RTX PRO 4000 Blackwell SFF Edition":               "",
		"NVIDIA RTX PRO 4500 Blackwell Generation Laptop GPU":     "",
		"NVIDIA RTX 6000 Ada Generation":                          "",
		"Quadro RTX 6000":                                         "",
		"NVIDIA GB10":                                             "GB10",
		"NVIDIA GB200":                                            "",
		"NVIDIA GB300":                                            "",
		"NVIDIA B200":                                             "B200",
		"NVIDIA B300 SXM6 AC":                                     "",
		"NVIDIA H200":                                             "H200",
		"NVIDIA H200 NVL":                                         "H200",
		"NVIDIA GH200 480GB":                                      "",
		"NVIDIA GH200 144G HBM3e":                                 "",
		"NVIDIA H20":                                              "",
		"NVIDIA H20-3e":                                           "",
		"NVIDIA H100 80GB HBM3":                                   "H100",
		"NVIDIA H100 80GB HBM3 MIG 1g.10gb":                       "H100",
		"NVIDIA H100 PCIe":                                        "H100",
		"NVIDIA H100 NVL":                                         "H100",
		"NVIDIA H100":                                             "H100",
		"NVIDIA H800":                                             "",
		"NVIDIA A100-SXM4-80GB":                                   "A100_80G",
		"NVIDIA A100 80GB PCIe":                                   "A100_80G",
		"NVIDIA A800 80GB PCIe":                                   "",
		"NVIDIA A800-SXM4-80GB":                                   "",
		"NVIDIA A100-SXM4-40GB":                                   "A100",
		"A100-SXM4-40GB":                                          "A100",
		"NVIDIA A100-PCIE-40GB":                                   "A100",
		"NVIDIA A100-PG509-200":                                   "A100",
		"NVIDIA A100-SXM-64GB":                                    "A100",
		"NVIDIA A100X":                                            "",
		"NVIDIA RTX A1000":                                        "",
		"NVIDIA RTX A1000 Laptop GPU":                             "",
		"NVIDIA A10G":                                             "A10G",
		"NVIDIA A10":                                              "A10",
		"NVIDIA A10M":                                             "",
		"NVIDIA A16":                                              "",
		"NVIDIA A2":                                               "A2",
		"NVIDIA RTX A2000":                                        "",
		"NVIDIA A30":                                              "",
		"NVIDIA A40":                                              "",
		"NVIDIA L40S":                                             "L40s",
		"NVIDIA L40":                                              "",
		"NVIDIA L40G":                                             "",
		"NVIDIA L4":                                               "L4",
		"NVIDIA L20":                                              "",
		"NVIDIA L2":                                               "",
		"Tesla T4":                                                "T4",
		"NVIDIA T4":                                               "T4",
		"NVIDIA T4G":                                              "",
		"NVIDIA T400 4GB":                                         "",
		"NVIDIA T400E":                                            "",
		"NVIDIA T1000 8GB":                                        "",
		"Tesla T40 24GB":                                          "",
		"Tesla T10":                                               "",
		"Tesla V100-SXM2-16GB":                                    "V100",
		"Tesla V100-PCIE-32GB":                                    "V100",
		"Tesla V100-DGXS-32GB":                                    "V100",
		"Tesla V100-FHHL-16GB":                                    "V100",
		"Tesla V100S-PCIE-32GB":                                   "V100",
		"NVIDIA TITAN V":                                          "",
		"Quadro GV100":                                            "",
		"NVIDIA GeForce RTX 4090":                                 "",
		"NVIDIA GeForce RTX 5090":                                 "",
		"NVIDIA GeForce RTX 2080 with Max-Q Design":               "",
		"GRID A100-40C":                                           "",
		"NVIDIA A100-4C":                                          "",
		"A100-1-5C":                                               "",
		"NVIDIA L40S-48C":                                         "",
		"GRID T4-16Q":                                             "",
		"Orin (nvgpu)":                                            "",
		"NVIDIA Thor":                                             "",
		"NVIDIA Graphics Device":                                  "",
		"":                                                        "",
	} {
		if got, rule := TypeOf(name, 0, nil); got != want {
			t.Errorf("%q is taken for %q by its %s, want %q", name, got, rule, want)
		}
	}
}

func TestTypeOfCrossChecks(t *testing.T) {
	for _, c := range []struct {
		name      string
		id        uint32
		gib       int64
		typ, rule string
	}{
		{"NVIDIA Graphics Device", 0x20b210de, 80, "A100_80G", "PCI id"},
		{"NVIDIA PG506-232", 0x20b710de, 24, "", ""}, // an A30
		{"NVIDIA A100-SXM4-40GB", 0x20b010de, 80, "A100_80G", "name and memory"},
		{"NVIDIA A100-SXM4-80GB", 0x20b210de, 40, "A100", "memory, against the name"},
		{"NVIDIA A100-SXM-64GB", 0x20b310de, 64, "A100", "name"},
		{"NVIDIA GeForce RTX 4090", 0x233010de, 24, "", ""}, // a proper name is trusted
		{"GRID A100-40C", 0x20b010de, 40, "", "a vGPU has no type"},
	} {
		if typ, rule := TypeOf(c.name, c.id, ptr(c.gib*gib)); typ != c.typ || rule != c.rule {
			t.Errorf("%s (%08x, %d GiB) is %q by %q, want %q by %q", c.name, c.id, c.gib, typ, rule, c.typ, c.rule)
		}
	}
}

// Every device name that the SDK has, and every name it sends, is understood.
func TestTypeNamed(t *testing.T) {
	for _, class := range classOrder {
		for _, typ := range resources.Devices(class) {
			if got, c, ok := TypeNamed(typ); got != typ || c != class || !ok {
				t.Errorf("%s of %s reads as %q, %s, %v", typ, class, got, c, ok)
			}
		}
	}
	for name, want := range map[string]string{
		"nvidia-b200": "B200", "nvidia-rtx-pro-6000": "RTX_PRO_6000", "aws-neuron-trn2u": "Trn2u", "amd-mi355x": "MI355X",
		"habana-gaudi-dl1": "Gaudi1", "a100_80g": "A100_80G", "h100 mega 80g": "H100", "NVIDIA-L40S": "L40s", "T4 shared": "T4 shared",
	} {
		if got, _, ok := TypeNamed(name); got != want || !ok {
			t.Errorf("%q reads as %q, %v; want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "A1000", "nvidia", "aws-neuron-", "K80"} {
		if got, _, ok := TypeNamed(name); ok {
			t.Errorf("%q reads as %q", name, got)
		}
	}
}

// What the SDK was seen to send is understood, and what goes with it is what
// the SDK's user wrote.
func TestWireVectors(t *testing.T) {
	data, err := os.ReadFile("../resources/testdata/resources.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range wireDevices(t, data) {
		if _, _, ok := TypeNamed(name); ok {
			seen++
		} else if !elsewhere[name] {
			t.Errorf("the SDK sends %q, which is not understood", name)
		}
	}
	if seen < 20 {
		t.Errorf("only %d names of devices in the vectors", seen)
	}
}

// elsewhere are names in the vectors that no type of the SDK has: old cards
// that only its table of wire names knows, and what was tried to see it refused.
var elsewhere = map[string]bool{
	"K80": true, "nvidia-tesla-k80": true, "P100": true, "nvidia-tesla-p100": true, "P4": true, "nvidia-tesla-p4": true,
	"L4_VWS": true, "nvidia-l4-vws": true, "A100G": true, "nvidia-a100g": true,
	"GB200": true, "V4": true, "Gaudi3": true, "Max1550": true, "('T4',)": true, "": true,
}

// wireDevices collects the values of "device" wherever they are in a document.
func wireDevices(t *testing.T, data []byte) []string {
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var names []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				if s, ok := e.(string); ok && key == "device" {
					names = append(names, s)
				}
				walk(e)
			}
		}
	}
	walk(doc)
	return names
}

// The general rule holds for each pair of the table: neither older nor smaller.
func TestSubstitutes(t *testing.T) {
	for typ, all := range compatible {
		if got := Substitutes(typ); len(got) != len(all) {
			t.Errorf("of %v for %s only %v are neither older nor smaller", all, typ, got)
		}
	}
	if got := Substitutes("A100_80G"); got != nil {
		t.Errorf("A100_80G is served by %v", got)
	}
}
