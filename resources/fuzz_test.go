// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"encoding/json"
	"testing"

	"gopkg.in/yaml.v3"
)

var seeds = []string{"", "1", "0.5", "500m", "1Gi", "1.5Gi", "400m", "-1", "-0", "1e3", "1E", "1e2147483648", "1e-10000000", "1234567890123456789e9999999", "Gi", ".",
	"auto", "1GB", "1Gi1Mi", "½", "１Gi", "1,5Gi", "1,2", "None", "True", "A100:1", "A100 80G:8", "T4 shared:1", "t4:1", ":", "0x10"}

// consistent checks what must hold for everything that was accepted.
func consistent(t *testing.T, r Resources) {
	t.Helper()
	if _, err := r.Validate(); err != nil {
		t.Fatalf("accepted %s, which Validate refuses: %v", r.Python(), err)
	}
	d, _, err := r.Complete(DefaultProfile())
	if err != nil {
		t.Fatalf("accepted %s, which Complete refuses: %v", r.Python(), err)
	}
	if d.CPU.LimitMilli() <= 0 || d.Memory.LimitBytes() <= 0 || d.CPU.Request.Cmp(d.CPU.Limit) > 0 || d.Memory.Request.Cmp(d.Memory.Limit) > 0 {
		t.Fatalf("%s became %+v", r.Python(), d)
	}
	roundTrip(t, r)
}

func FuzzQuantity(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = parseKubernetes(s)
		if q, err := Quantity(s).Parse(); err == nil {
			_ = q.String()
			saturated(q, 1)
			saturated(q, 1000)
		}
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Fatalf("ParseSize(%q) = %d", s, n)
		}
		repair("cpu", s)
		repair("memory", s)
	})
}

func FuzzParseFlags(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+1)%len(seeds)], seeds[(i+2)%len(seeds)], "", s)
	}
	f.Add("1,2", "1Gi,2Gi", "A100:1", "10Gi", "auto")
	f.Fuzz(func(t *testing.T, cpu, memory, gpu, disk, shm string) {
		if r, _, err := ParseFlags(Flags{cpu, memory, gpu, disk, shm}); err == nil {
			consistent(t, r)
		}
	})
}

func FuzzParseGPU(f *testing.F) {
	for _, s := range append(Literals(), seeds...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, _, err := ParseGPU(s); err == nil {
			consistent(t, Resources{GPU: d})
		}
	})
}

var documents = []string{`{}`, `null`, `{"cpu": 1, "memory": "400Mi", "shm": "auto"}`, `{"cpu": [1, 2], "memory": ["2Gi", "4Gi"], "gpu": "A100_80G:1", "disk": "10Gi"}`,
	`{"gpu": {"class": "GPU", "device": "A100", "quantity": 1, "partition": "1g.5gb"}}`, `{"gpu": 2}`, `{"cpu": 1e5}`, `{"cpu": true}`, `{"cpu": [[1]]}`, `{"gpu": {"device": "V5P"}}`}

func FuzzResourcesJSON(f *testing.F) {
	for _, s := range documents {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Resources
		if json.Unmarshal(data, &r) == nil {
			consistent(t, r)
		}
	})
}

func FuzzResourcesYAML(f *testing.F) {
	for _, s := range append(documents, "cpu: 1\nmemory: 1Gi\n", "a: &a [*a]", "cpu: &x 1\ngpu: *x", "cpu: .nan", "cpu: 0o17", "cpu: !!int 1_0") {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Resources
		if yaml.Unmarshal(data, &r) == nil {
			consistent(t, r)
		}
	})
}

func FuzzProfile(f *testing.F) {
	f.Add([]byte("defaults: {cpu: 1, memory: 1Gi}\nlimits: {cpu: 16, memory: 64Gi}\ncgroup: {singleProcessOOMKill: false, swap: none}\nsecurity: {capabilities: default}\naccelerators: {accelerator_substitution: exact, missing: refuse}\n"))
	f.Add([]byte("limits: {gpu: 8, disk: 1e99}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProfile("fuzz.yaml", data)
		if err != nil {
			return
		}
		if _, _, err := (Resources{CPU: Of("1"), GPU: &Device{1, ClassGPU, "T4", ""}}).Complete(p); err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
	})
}

func FuzzDemandJSON(f *testing.F) {
	f.Add([]byte(`{"cpu":{"request":"1","limit":"1","request_origin":"asked","limit_origin":"default"},"memory":{"request":"1Gi","limit":"1Gi"},"shm":{"auto":true,"origin":"asked"},"gpu":[{"class":"GPU","quantity":1,"origin":"asked"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Demand
		if json.Unmarshal(data, &d) != nil {
			return
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, new(Demand)); err != nil {
			t.Fatalf("%s does not read back: %v", text, err)
		}
	})
}

func FuzzFromWire(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+1)%len(seeds)], "1", "nvidia-tesla-a100", 0, "", s)
	}
	f.Fuzz(func(t *testing.T, request, limit, count, device string, class int, partition, shm string) {
		w := Wire{Requests: []Entry{{"CPU", request}, {"MEMORY", request}, {"GPU", count}}, Limits: []Entry{{"CPU", limit}},
			Accelerator: &WireAccelerator{Device: device, Class: class, Partition: partition}, SharedMemory: &shm}
		if r, _, err := FromWire(w); err == nil {
			if _, _, err := r.Complete(DefaultProfile()); err != nil {
				t.Fatalf("accepted %s, which Complete refuses: %v", r.Python(), err)
			}
		}
	})
}
