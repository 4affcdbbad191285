// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
)

func prod() Profile {
	p := DefaultProfile()
	p.Name = "prod"
	p.Limits = Sizes{CPU: "16", Memory: "32Gi", Disk: "100Gi", GPU: "4"}
	return p
}

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      Resources
		profile Profile
		want    string
		warns   string
	}{
		{"nothing", Resources{}, DefaultProfile(),
			`{"cpu":{"request":"1","limit":"1","request_origin":"default","limit_origin":"default"},"memory":{"request":"1Gi","limit":"1Gi","request_origin":"default","limit_origin":"default"}}`, ""},
		{"scalar", Resources{CPU: Of("2"), Memory: Of("64Mi")}, DefaultProfile(),
			`{"cpu":{"request":"2","limit":"2","request_origin":"asked","limit_origin":"default"},"memory":{"request":"64Mi","limit":"64Mi","request_origin":"asked","limit_origin":"default"}}`, ""},
		{"pair", Resources{CPU: Pair("500m", "2"), Memory: Pair("1Gi", "2Gi")}, prod(),
			`{"cpu":{"request":"500m","limit":"2","request_origin":"asked","limit_origin":"asked"},"memory":{"request":"1Gi","limit":"2Gi","request_origin":"asked","limit_origin":"asked"}}`, ""},
		{"clamped", Resources{CPU: Of("1"), Memory: Of("64Gi")}, prod(),
			`{"cpu":{"request":"1","limit":"1","request_origin":"asked","limit_origin":"default"},"memory":{"request":"32Gi","limit":"32Gi","request_origin":"clamped","limit_origin":"clamped"}}`,
			"memory: your 64Gi is clamped to 32Gi by profile prod; ask for less, or raise its limit"},
		{"limit clamped", Resources{CPU: Pair("1", "32"), Memory: Of("1Gi")}, prod(),
			`{"cpu":{"request":"1","limit":"16","request_origin":"asked","limit_origin":"clamped"},"memory":{"request":"1Gi","limit":"1Gi","request_origin":"asked","limit_origin":"default"}}`,
			"cpu: your 32 is clamped to 16 by profile prod; ask for less, or raise its limit"},
		{"reversed", Resources{CPU: Pair("4", "2"), Memory: Of("1Gi")}, prod(),
			`{"cpu":{"request":"2","limit":"2","request_origin":"clamped","limit_origin":"asked"},"memory":{"request":"1Gi","limit":"1Gi","request_origin":"asked","limit_origin":"default"}}`, ""},
		{"disk, shm, gpu", Resources{Disk: "200Gi", Shm: Auto, GPU: &Device{8, ClassGPU, "T4", ""}}, prod(),
			`{"cpu":{"request":"1","limit":"1","request_origin":"default","limit_origin":"default"},"memory":{"request":"1Gi","limit":"1Gi","request_origin":"default","limit_origin":"default"},` +
				`"shm":{"auto":true,"origin":"asked"},"disk":{"request":"100Gi","limit":"100Gi","request_origin":"clamped","limit_origin":"clamped"},` +
				`"gpu":[{"class":"GPU","device":"T4","quantity":4,"origin":"clamped"}]}`,
			"disk: your 200Gi is clamped to 100Gi by profile prod; ask for less, or raise its limit | gpu: your 8 are clamped to 4 by profile prod; ask for fewer, or raise its limit"},
		{"shm above what the profile gives", Resources{Memory: Of("64Gi"), Shm: "40Gi"}, prod(),
			`{"cpu":{"request":"1","limit":"1","request_origin":"default","limit_origin":"default"},"memory":{"request":"32Gi","limit":"32Gi","request_origin":"clamped","limit_origin":"clamped"},"shm":{"size":"40Gi","origin":"asked"}}`,
			"memory: your 64Gi is clamped to 32Gi by profile prod; ask for less, or raise its limit | shm: 40Gi of shared memory counts against the memory limit of 32Gi that profile prod gives; ask for less shm, or for more memory"},
		{"zero is unset", Resources{CPU: Of("0"), Memory: Of("0"), Disk: "0", Shm: "0"}, DefaultProfile(),
			`{"cpu":{"request":"1","limit":"1","request_origin":"default","limit_origin":"default"},"memory":{"request":"1Gi","limit":"1Gi","request_origin":"default","limit_origin":"default"},"shm":{"auto":true,"origin":"asked"}}`, ""},
		{"empty profile", Resources{}, Profile{},
			`{"cpu":{"request":"1","limit":"1","request_origin":"default","limit_origin":"default"},"memory":{"request":"1Gi","limit":"1Gi","request_origin":"default","limit_origin":"default"}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, warnings, err := c.in.Complete(c.profile)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.warns, text(warnings, nil)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			var back Demand
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if again, _ := json.Marshal(back); string(again) != string(got) {
				t.Errorf("read back as %s", again)
			}
		})
	}
}

func TestCompleteOverride(t *testing.T) {
	d, _, err := (Resources{Memory: Of("64Mi")}).CompleteOverride(DefaultProfile())
	if err != nil || d.Memory.RequestOrigin != Override || d.Memory.LimitOrigin != Default || d.CPU.RequestOrigin != Default {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestCompleteRefuses(t *testing.T) {
	for name, r := range map[string]Resources{
		"no quantity": {Memory: Of("1GB")}, "negative": {CPU: Of("-1")}, "hang": {CPU: Of("1e-10000000")},
		"fraction": {Memory: Of("400m")}, "no devices": {GPU: &Device{Class: ClassGPU}},
	} {
		t.Run(name, func(t *testing.T) {
			if d, _, err := r.Complete(DefaultProfile()); err == nil {
				t.Errorf("completed: %+v", d)
			}
		})
	}
}

func TestOverrideReplacesAll(t *testing.T) {
	first := Resources{CPU: Of("1"), Memory: Of("250Mi"), GPU: &Device{1, ClassGPU, "T4", ""}}
	if diff := cmp.Diff(Resources{Memory: Of("1Gi")}, first.Override(&Resources{Memory: Of("1Gi")})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first, first.Override(nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSaturation(t *testing.T) {
	for _, c := range []struct {
		in           string
		value, milli int64
	}{
		{"0", 0, 0}, {"1", 1, 1000}, {"1n", 1, 1}, {"0.6666666666666666", 1, 667}, {"1.5", 2, 1500}, {"-1.5", -1, -1500},
		{"1e99", math.MaxInt64, math.MaxInt64}, {"-1e99", math.MinInt64, math.MinInt64}, {"1e-99", 1, 1},
		{"9223372036854775807", math.MaxInt64, math.MaxInt64}, {"10E", math.MaxInt64, math.MaxInt64},
		{"16Ei", math.MaxInt64, math.MaxInt64}, {"1Gi", gibi, gibi * 1000}, {"1Ei", 1 << 60, math.MaxInt64},
	} {
		t.Run(c.in, func(t *testing.T) {
			q := resource.MustParse(c.in)
			a := Allotment{Request: q, Limit: q}
			if a.LimitBytes() != c.value || a.RequestBytes() != c.value || a.LimitMilli() != c.milli || a.RequestMilli() != c.milli {
				t.Errorf("got %d bytes, %d milli, want %d, %d", a.LimitBytes(), a.LimitMilli(), c.value, c.milli)
			}
		})
	}
}

func TestParseProfile(t *testing.T) {
	p, err := ParseProfile("etc/prod.yaml", []byte(`
defaults: {cpu: 2, memory: 2Gi}
limits: {cpu: 16, memory: 64Gi, disk: 1Ti, gpu: 8}
cgroup: {singleProcessOOMKill: true, swap: none, podPidsLimit: 4096}
disk: {enforce: hard}
security: {capabilities: restricted}
accelerators: {accelerator_substitution: compatible, missing: ignore, aliases: {A10G: [NVIDIA GeForce RTX 4090]}}
`))
	want := DefaultProfile()
	want.Name = "prod"
	want.Defaults = Sizes{CPU: "2", Memory: "2Gi"}
	want.Limits = Sizes{CPU: "16", Memory: "64Gi", Disk: "1Ti", GPU: "8"}
	want.Cgroup.SingleProcessOOMKill = true
	want.Cgroup.PodPidsLimit = 4096
	want.Disk.Enforce = "hard"
	want.Security.Capabilities = "restricted"
	want.Accelerators.Substitution, want.Accelerators.Missing = "compatible", "ignore"
	want.Accelerators.Aliases = map[string][]string{"A10G": {"NVIDIA GeForce RTX 4090"}}
	if diff := cmp.Diff(want, p); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, word := range []string{"default", "restricted", "cluster"} {
		if p, err := ParseProfile("c.yaml", []byte("security: {capabilities: "+word+"}")); err != nil || p.Security.Capabilities != word {
			t.Errorf("capabilities %s: %q, %v", word, p.Security.Capabilities, err)
		}
	}
	for _, c := range []struct{ name, yaml, want string }{
		{"key", "limits:\n  memry: 1Gi", `c.yaml:2: unknown key "memry" in limits; the known ones are cpu, memory, disk, gpu`},
		{"section", "limit: {}", `c.yaml:1: unknown key "limit" in the profile; the known ones are defaults, limits, cgroup, disk, security, accelerators`},
		{"no size", "limits: {memory: 64}", `c.yaml:1: memory "64": a size is a string with a unit; did you mean memory="64Gi"?`},
		{"unit", "limits:\n  cpu: 1\n  memory: 64GB", `c.yaml:3: memory "64GB": Kubernetes writes units without the B; did you mean memory="64G"?`},
		{"word", "security: {capabilities: all}", `c.yaml:1: capabilities "all": not a value for this key; write default or restricted or cluster`},
		{"disk", "disk: {enforce: soft}", `c.yaml:1: enforce "soft": not a value for this key; write evict or hard`},
		{"truth", "cgroup: {singleProcessOOMKill: maybe}", `c.yaml:1: singleProcessOOMKill "maybe": not a truth value; write true or false`},
		{"pids", "cgroup: {podPidsLimit: -1}", `c.yaml:1: podPidsLimit "-1": not a number of processes; write the kubelet's podPidsLimit, such as 4096, or leave it out where that is -1`},
		{"pids as a size", "cgroup: {podPidsLimit: 4Ki}", `c.yaml:1: podPidsLimit "4Ki": not a number of processes; write the kubelet's podPidsLimit, such as 4096, or leave it out where that is -1`},
		{"two documents", "{}\n---\n{}", "c.yaml: more than one document; keep one profile per file"},
		{"syntax", "a: [", "c.yaml: yaml: line 1: did not find expected node content"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseProfile("c.yaml", []byte(c.yaml))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if p, err := ParseProfile("empty.yaml", nil); err != nil || p.Defaults != (Sizes{CPU: "1", Memory: "1Gi"}) {
		t.Errorf("empty file: %+v, %v", p, err)
	}
	var at *LineError
	if _, err := ParseProfile("c.yaml", []byte("x: 1")); !errors.As(err, &at) || at.Line != 1 {
		t.Errorf("no line in %v", err)
	}
}
