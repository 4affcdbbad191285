// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"drydock/resources"
)

func policy(edits ...func(*resources.AcceleratorProfile)) resources.AcceleratorProfile {
	p := resources.DefaultProfile().Accelerators
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

func substitute(how string) func(*resources.AcceleratorProfile) {
	return func(p *resources.AcceleratorProfile) { p.Substitution = how }
}

func strategy(how string) func(*resources.AcceleratorProfile) {
	return func(p *resources.AcceleratorProfile) { p.MIGStrategy = how }
}

func alias(typ, name string) func(*resources.AcceleratorProfile) {
	return func(p *resources.AcceleratorProfile) { p.Aliases = map[string][]string{typ: {name}} }
}

func amdAllow(p *resources.AcceleratorProfile) { p.AMD = "allow" }

func busyFail(p *resources.AcceleratorProfile) { p.Busy = "fail" }

// gpus is gpu=n.
func gpus(n int) resources.Device { return resources.Device{Quantity: n, Class: resources.ClassGPU} }

// want is a request for a type, and maybe a partition of it.
func want(typ string, n int, partition ...string) resources.Device {
	d := resources.Device{Quantity: n, Class: resources.ClassGPU, Device: typ, Partition: strings.Join(partition, "")}
	if _, class, ok := TypeNamed(typ); ok {
		d.Class = class
	}
	return d
}

func ambiguous(d *Device) { d.Also = []string{"MI250X"} }

func cpx(d *Device) { d.Partition = "CPX/NPS4" }

const inUse = "GPU-0 in use by pid 4242 (uid 1001, python, 30.1 GiB)"

// conformance is a case of the list of what a machine has and what a request
// means there. Each has the number that it has there, and variants a word.
type conformance struct {
	id     string
	want   resources.Device
	inv    Inventory
	policy resources.AcceleratorProfile
	taken  string // IDs with blanks between

	picked string // IDs with blanks between
	as     string // how the first is recorded
	waits  string
	fails  string // without "accelerator: "
	note   string // one of the notes
}

var cases = []conformance{
	{id: "1", want: gpus(1), inv: here(card("4090"), card("4090")), picked: "GPU-0", as: "NVIDIA GeForce RTX 4090"},
	{id: "2", want: gpus(2), inv: here(card("4090", display), card("4090")), picked: "GPU-0 GPU-1"},
	{id: "3", want: gpus(1), inv: here(card("4090", display), card("4090")), picked: "GPU-1"},
	{id: "4", want: gpus(1), inv: here(card("4090", display)), picked: "GPU-0", note: "GPU-0 also drives a screen"},
	{id: "5", want: gpus(3), inv: here(card("A100-80"), card("A100-80")),
		fails: "request needs 3 NVIDIA GPUs but this machine has 2"},
	{id: "5, one is partitioned", want: gpus(2), inv: here(card("H100", migOff), card("H100", mig("1g.10gb", 7))),
		fails: "request needs 2 NVIDIA GPUs but this machine has 1, and 1 in MIG mode (7 MIG devices)"},
	{id: "6", want: want("A100 80G", 2), inv: here(card("A100-40"), card("A100-80"), card("A100-80")), picked: "GPU-1 GPU-2", as: "A100_80G"},
	{id: "7", want: want("A100", 1), inv: here(card("A100-80")),
		fails: `no GPU of type "A100" on this machine (have: 1×A100_80G); accelerator_substitution=compatible would accept A100_80G`},
	{id: "8", want: want("A100", 1), inv: here(card("A100-80")), policy: policy(substitute("compatible")), picked: "GPU-0",
		as: "A100_80G (substitute for A100)"},
	{id: "9", want: want("A100_80G", 1), inv: here(card("A100-40")), policy: policy(substitute("compatible")),
		fails: `no GPU of type "A100_80G" on this machine (have: 1×A100)`},
	{id: "10", want: want("H100", 1), inv: here(card("4090")),
		fails: `no GPU of type "H100" on this machine (have: 1×NVIDIA GeForce RTX 4090)`},
	{id: "10, any", want: want("H100", 1), inv: here(card("4090")), policy: policy(substitute("any")), picked: "GPU-0",
		as: "NVIDIA GeForce RTX 4090 (substitute for H100)"},
	{id: "11", want: want("A10G", 1), inv: here(card("4090")), policy: policy(alias("A10G", "NVIDIA GeForce RTX 4090")),
		picked: "GPU-0", as: "A10G (alias of NVIDIA GeForce RTX 4090)"},
	{id: "11, the very type first", want: want("A10G", 1), inv: here(card("4090"), card("A10G")), policy: policy(alias("A10G", "NVIDIA GeForce RTX 4090")),
		picked: "GPU-1", as: "A10G"},
	{id: "11, of AMD", want: want("MI300X", 1), inv: here(other(resources.ClassAMD, "MI308X", 1)...), policy: policy(alias("MI300X", "MI308X")),
		picked: "MI308X-0", as: "MI300X (alias of MI308X)"},
	{id: "11, a TPU", want: want("V5E", 1, "2x2"), inv: here(other(resources.ClassTPU, "V4", 4)...), policy: policy(alias("V5E", "V4")),
		picked: "V4-0 V4-1 V4-2 V4-3", as: "V5E (alias of V4)"},
	{id: "12", want: want("H200", 1), inv: here(card("GH200")), fails: `no GPU of type "H200" on this machine (have: 1×NVIDIA GH200 480GB)`},
	{id: "13", want: want("L4", 1), inv: here(card("L40S")),
		fails: `no GPU of type "L4" on this machine (have: 1×L40s); accelerator_substitution=compatible would accept L40s`},
	{id: "13, L40s", want: want("L40s", 1), inv: here(card("L40S")), picked: "GPU-0"},
	{id: "14", want: want("T4", 1), inv: here(card("T400")), fails: `no GPU of type "T4" on this machine (have: 1×NVIDIA T400 4GB)`},
	{id: "15, as the SDK sends it", want: want("nvidia-tesla-h100", 1), inv: here(card("H100NVL")), picked: "GPU-0"},
	{id: "15, as a label", want: want("nvidia-h100", 1), inv: here(card("H100NVL")), picked: "GPU-0"},
	{id: "15, as written", want: want("H100", 1), inv: here(card("H100NVL")), picked: "GPU-0"},
	{id: "16, the second", want: gpus(1), inv: here(card("4090")), taken: "GPU-0", waits: "needs 1 × NVIDIA GPU, 0 free"},
	{id: "21", want: want("H100", 1, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 3)), card("H100", migOff)), picked: "MIG-0-0", as: "H100 1g.10gb"},
	{id: "22", want: want("H100", 1), inv: here(card("H100", mig("1g.10gb", 3)), card("H100", migOff)), picked: "GPU-1"},
	{id: "22, the second", want: want("H100", 1), inv: here(card("H100", mig("1g.10gb", 3)), card("H100", migOff)), taken: "GPU-1",
		waits: "needs 1 × H100, 0 free"},
	{id: "22, no whole one", want: want("H100", 1), inv: here(card("H100", mig("1g.10gb", 3))),
		fails: "1 H100 requested but the only one is in MIG mode (3 MIG devices); request a partition"},
	{id: "23", want: gpus(1), inv: here(card("H100", mig("1g.10gb", 3)), card("H100", migOff)), picked: "GPU-1"},
	{id: "24", want: gpus(1), inv: here(card("H100", mig("1g.10gb", 7)), card("H100", mig("1g.10gb", 7))),
		fails: "1 NVIDIA GPU requested but all 2 are in MIG mode (14 MIG devices); request a partition, or set mig_strategy=single"},
	{id: "25", want: gpus(1), inv: here(card("H100", mig("1g.10gb", 7)), card("H100", mig("1g.10gb", 7))),
		policy: policy(strategy("single")), picked: "MIG-0-0", as: "H100 1g.10gb"},
	{id: "26", want: gpus(1), inv: here(card("H100", mig("1g.10gb", 3, "3g.40gb", 1))), policy: policy(strategy("single")),
		fails: "mig_strategy=single needs identical MIG devices (have 1g.10gb, 3g.40gb)"},
	{id: "27", want: want("H100", 2, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 1)), card("H100", mig("1g.10gb", 2))),
		picked: "MIG-1-0 MIG-1-1", note: oneProcess},
	{id: "28", want: want("H100", 2, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 2))), taken: "MIG-0-0", waits: "needs 2 × H100 1g.10gb, 1 free"},
	{id: "28, the other is unhealthy", want: want("H100", 2, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 1), xid79), card("H100", mig("1g.10gb", 1))),
		fails: "request needs 2 MIG devices 1g.10gb of H100; 2 present, 1 unhealthy (MIG-0-0: XID 79)"},
	{id: "29", want: want("H100", 4, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 3))),
		fails: "request needs 4 MIG devices 1g.10gb of H100 but this machine has 3"},
	{id: "30", want: want("H100", 1, "1g.6gb"), inv: here(card("H100", mig("1g.10gb", 3))),
		fails: `partition "1g.6gb" is not offered by H100 (offered: 1g.10gb, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb, 7g.80gb)`},
	{id: "31", want: want("T4", 1, "1g.5gb"), inv: here(card("T4")), fails: `GPU type "T4" has no partitions`},
	{id: "32", want: want("H100", 1, "3g.40gb"), inv: here(card("H100", mig("3g.39gb", 1))), picked: "MIG-0-0", as: "H100 3g.40gb"},
	{id: "33", want: want("H100", 1, "1g.10gb"), inv: here(card("H100", mig("1g.10gb+me", 1))),
		fails: "no MIG device 1g.10gb on this machine (have: 1×1g.10gb+me)"},
	{id: "34", want: want("H100", 1, "3g.40gb"), inv: here(card("H100", mig("1c.3g.40gb", 1))),
		fails: "no MIG device 3g.40gb on this machine (have: 1×1c.3g.40gb)"},
	{id: "35", want: want("H100", 1, "1g.10gb"), inv: here(card("H100NVL", mig("1g.12gb", 7))),
		fails: "no MIG device 1g.10gb on this machine (have: 7×1g.12gb)"},
	{id: "36", want: want("H100", 1, "1g.10gb"), inv: here(card("H100", migOff)),
		fails: "no MIG device 1g.10gb on this machine: MIG is off on H100 GPU-0; an administrator can create one"},
	{id: "36, MIG is on", want: want("H100", 1, "1g.10gb"), inv: here(card("H100", mig())),
		fails: "no MIG device 1g.10gb on this machine: there is none on H100 GPU-0; an administrator can create one"},
	{id: "37", want: gpus(1), inv: here(card("H100", mig())),
		fails: "1 NVIDIA GPU requested but the only one is in MIG mode (0 MIG devices); request a partition, or set mig_strategy=single"},
	{id: "38", want: gpus(1), inv: here(card("H100", pending), card("H100", migOff)), picked: "GPU-1",
		note: "left out: GPU-0: MIG change pending, GPU reset needed"},
	{id: "39", want: gpus(1), inv: here(card("H100", xid79), card("H100")), picked: "GPU-1", note: "left out: GPU-0: XID 79"},
	{id: "39, a MIG device", want: want("H100", 1, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 1), xid79), card("H100", mig("1g.10gb", 1))),
		picked: "MIG-1-0", note: "left out: MIG-0-0: XID 79"},
	{id: "40", want: gpus(2), inv: here(card("H100", xid79), card("H100")),
		fails: "request needs 2 NVIDIA GPUs; 2 present, 1 unhealthy (GPU-0: XID 79)"},
	{id: "43", want: gpus(1), inv: here(card("H100", stranger), card("H100")), picked: "GPU-1", note: "avoided: " + inUse},
	{id: "43, a MIG device", want: want("H100", 1, "1g.10gb"), inv: here(card("H100", mig("1g.10gb", 2), strangerInPart)), picked: "MIG-0-1",
		note: "avoided: MIG-0-0 in use by pid 4242 (uid 1001, python, 30.1 GiB)"},
	{id: "44", want: gpus(1), inv: here(card("H100", stranger)), waits: inUse},
	{id: "44, busy=fail", want: gpus(1), inv: here(card("H100", stranger)), policy: policy(busyFail), fails: inUse},
	{id: "45", want: gpus(1), inv: here(card("H100", func(d *Device) { d.Used = ptr(40 * gib) })),
		waits: "GPU-0 in use by an unknown owner (40 GiB, no process to be seen)"},
	{id: "46", want: gpus(2), inv: here(card("H100", prohibited), card("H100")), fails: "request needs 2 NVIDIA GPUs but this machine has 1"},
	{id: "46, the only one", want: gpus(1), inv: here(card("H100", prohibited)),
		fails: "no NVIDIA GPU on this machine (have: 1×H100); GPU-0: compute mode PROHIBITED"},
	{id: "47", want: gpus(1), inv: here(other(resources.ClassAMD, "MI300X", 1)...),
		fails: `no NVIDIA GPU on this machine (have: 1×AMD MI300X); use AMD_GPU("MI300X")`},
	{id: "47, beside a broken driver", want: gpus(1),
		inv:   Inventory{Devices: other(resources.ClassAMD, "MI300X", 1), Problems: []Problem{{Class: resources.ClassGPU, Fatal: true, Text: "no driver"}}},
		fails: `no NVIDIA GPU on this machine (have: 1×AMD MI300X); use AMD_GPU("MI300X")`},
	{id: "48", want: want("MI300X", 1), inv: here(other(resources.ClassAMD, "MI300X", 2)...), picked: "MI300X-0"},
	{id: "49", want: want("MI250", 1), inv: here(other(resources.ClassAMD, "MI250X", 1)...),
		fails: `no AMD GPU of type "MI250" on this machine (have: 1×MI250X)`},
	{id: "49, no product_name", want: want("MI250", 1), inv: here(other(resources.ClassAMD, "MI250", 1, ambiguous)...),
		picked: "MI250-0", as: "MI250 (ambiguous: MI250 or MI250X)", note: "MI250-0 may be MI250 or MI250X: nothing here tells them apart"},
	{id: "50", want: want("MI300X", 1), inv: here(other(resources.ClassAMD, "MI300X", 8, cpx)...),
		fails: "MI300X is partitioned (CPX/NPS4); set amd_partitions=allow"},
	{id: "50, allowed", want: want("MI300X", 1), inv: here(other(resources.ClassAMD, "MI300X", 8, cpx)...), policy: policy(amdAllow), picked: "MI300X-0",
		note: "MI300X is partitioned (CPX/NPS4): one device is one partition"},
	{id: "50, one is whole", want: want("MI300X", 1), inv: here(append(other(resources.ClassAMD, "MI300X", 1, cpx),
		Device{ID: "whole", Class: resources.ClassAMD, Type: "MI300X", Partition: "SPX/NPS1"})...), picked: "whole"},
	{id: "51", want: want("Gaudi1", 1), inv: here(), fails: `no Gaudi accelerator of type "Gaudi1" on this machine`},
	{id: "52", want: want("Trn1n", 1), inv: here(other(resources.ClassNeuron, "Trn1", 16)...),
		fails: `no Neuron device of type "Trn1n" on this machine (have: 16×Trn1)`},
	{id: "52, on a trn1n", want: want("Trn1n", 1), inv: here(other(resources.ClassNeuron, "Trn1n", 16)...), picked: "Trn1n-0"},
	{id: "53", want: want("Trn1", 4), inv: here(other(resources.ClassNeuron, "Trn1", 16)...), taken: "Trn1-0 Trn1-1 Trn1-4",
		picked: "Trn1-8 Trn1-9 Trn1-10 Trn1-11"},
	{id: "53, fragments", want: want("Trn1", 4), inv: here(other(resources.ClassNeuron, "Trn1", 8)...), taken: "Trn1-2 Trn1-5",
		waits: "needs 4 × Trn1, 6 free"},
	{id: "53, none are neighbours", want: want("Trn1", 2), inv: Inventory{Devices: []Device{
		{ID: "neuron-0", Class: resources.ClassNeuron, Type: "Trn1"}, {ID: "neuron-2", Class: resources.ClassNeuron, Type: "Trn1", Index: 2}}},
		fails: "request needs 2 neighbouring Trn1, and no 2 of the 2 here are"},
	{id: "54", want: want("V6E", 1, "2x4"), inv: here(other(resources.ClassTPU, "V6E", 8)...),
		picked: "V6E-0 V6E-1 V6E-2 V6E-3 V6E-4 V6E-5 V6E-6 V6E-7"},
	{id: "54, too large", want: want("V6E", 1, "4x4"), inv: here(other(resources.ClassTPU, "V6E", 8)...),
		fails: "slice 4x4 needs 16 chips; one host has 8"},
	{id: "54, too many", want: want("V6E", 16), inv: here(other(resources.ClassTPU, "V6E", 8)...), fails: "the request needs 16 chips; one host has 8"},
	{id: "54, another type", want: want("V5E", 1), inv: here(other(resources.ClassTPU, "V6E", 8)...),
		fails: `no TPU chip of type "V5E" on this machine (have: 8×V6E)`},
	{id: "54, no slice", want: want("tpu-v6e-slice", 1), inv: here(other(resources.ClassTPU, "V6E", 4)...), picked: "V6E-0 V6E-1 V6E-2 V6E-3"},
	{id: "56", want: want("FOO9000", 1), inv: here(card("H100")), fails: `unknown accelerator type "FOO9000" (known: ` + strings.Join(knownTypes(), ", ") + `)`},
	{id: "62", want: gpus(1), inv: Inventory{Problems: []Problem{{Class: resources.ClassGPU, Fatal: true, Text: "no NVIDIA GPU available: libnvidia-ml.so.1 not found (is the NVIDIA driver installed?)"}}},
		fails: "no NVIDIA GPU available: libnvidia-ml.so.1 not found (is the NVIDIA driver installed?)"},
	{id: "65", want: want("GB10", 1), inv: here(card("GB10", func(d *Device) { d.Unified, d.Used = true, ptr(60*gib) })), picked: "GPU-0"},
	{id: "66", want: want("A100", 1), inv: here(card("vA100")), fails: `no GPU of type "A100" on this machine (have: 1×NVIDIA A100-4C)`},
	{id: "66, by count", want: gpus(1), inv: here(card("vA100")), picked: "GPU-0"},
	{id: "67", want: gpus(2), inv: nvlinked(here(card("H100"), card("H100"), card("H100"), card("H100")), 0, 1, 2, 3), picked: "GPU-0 GPU-1"},
	{id: "67, then", want: gpus(2), inv: nvlinked(here(card("H100"), card("H100"), card("H100"), card("H100")), 0, 1, 2, 3), taken: "GPU-0 GPU-1", picked: "GPU-2 GPU-3"},
	{id: "67, with 0 leased", want: gpus(2), inv: nvlinked(here(card("H100"), card("H100"), card("H100"), card("H100")), 0, 1, 2, 3), taken: "GPU-0", picked: "GPU-2 GPU-3"},
	{id: "67, a quad stays whole", want: gpus(2), inv: nvlinked(here(card("H100"), card("H100"), card("H100"), card("H100"), card("H100"), card("H100")),
		0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3, 4, 5), picked: "GPU-4 GPU-5"},
}

func TestConformance(t *testing.T) {
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			if c.policy.Missing == "" {
				c.policy = policy()
			}
			m, err := Find(c.inv, c.want, c.policy)
			if c.fails != "" {
				refusal, ok := errors.AsType[*RefusalError](err)
				if !ok || err.Error() != "accelerator: "+c.fails {
					t.Fatalf("Find says\n  %v\nwant\n  accelerator: %s", err, c.fails)
				}
				c.refused(t, *refusal)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			taken := strings.Fields(c.taken)
			picked, waits := m.Pick(func(id ID) bool { return slices.Contains(taken, string(id)) })
			if got := joined(picked); got != c.picked || waits != c.waits {
				t.Errorf("picked %q, waits %q; want %q, %q", got, waits, c.picked, c.waits)
			}
			if c.as != "" && picked[0].As != c.as {
				t.Errorf("recorded as %q, want %q", picked[0].As, c.as)
			}
			if c.note != "" && !slices.Contains(m.Notes, c.note) {
				t.Errorf("notes %q lack %q", m.Notes, c.note)
			}
		})
	}
}

func joined(choices []Choice) string {
	var ids []string
	for _, c := range choices {
		ids = append(ids, string(c.ID))
	}
	return strings.Join(ids, " ")
}

// refused checks that missing: ignore takes what the machine lacks, and that
// alone.
func (c conformance) refused(t *testing.T, refusal RefusalError) {
	ignore := c.policy
	ignore.Missing = "ignore"
	m, err := Find(c.inv, c.want, ignore)
	if refusal.Lacks != (err == nil) || err == nil && (m.Ignored != c.fails || m.Count != 0) {
		t.Errorf("with missing=ignore, a lack is %v: %+v, %v", refusal.Lacks, m, err)
	}
}
