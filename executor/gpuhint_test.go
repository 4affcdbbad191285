// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"strings"
	"testing"

	"drydock/gpu/usage"
	"drydock/sandbox"
)

// What frameworks print when a GPU has no memory left, and what only looks
// like it.
func TestGPUMemoryTexts(t *testing.T) {
	for text, want := range map[string]string{ // "-": it is none
		torchText: "20.00 GiB",
		"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB (GPU 0; 15.78 GiB total capacity":      "512.00 MiB",
		"RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB":                                                        "2.00 GiB",
		"torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.50 GiB.":                                              "1.50 GiB",
		"RuntimeError: CUDA error: out of memory\nCUDA kernel errors might be":                                                "",
		"jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 42949672960 bytes.": "42949672960 bytes",
		"jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes.":                         "17179869184 bytes",
		"ResourceExhaustedError: {{function_node}} OOM when allocating tensor with shape[64,4096]":                            "",
		"cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY: out of memory":                                                          "",
		"CUDA runtime error (2): out of memory at alloc.cu:17":                                                                "",
		"hipErrorOutOfMemory": "",
		"MemoryError: Unable to allocate 7.45 GiB for an array": "-",
		"java.lang.OutOfMemoryError: Java heap space":           "-",
		"fatal error: runtime: out of memory":                   "-",
		"CUDA error: an illegal memory access was encountered":  "-",
		"ResourceExhaustedError: OOM when allocating tensor with shape[9] and type float on /job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu": "-",
		"": "-",
	} {
		wanted, found := gpuMemoryText("…\n" + text + "\n")
		if found != (want != "-") || found && wanted != want {
			t.Errorf("%q: wanted %q, %v; want %q", text, wanted, found, want)
		}
	}
}

// The hint comes only where it is true: of an attempt with devices, whose own
// memory did not run out. Everything else of a verdict stays as it is.
func TestGPUMemoryHint(t *testing.T) {
	failing := func(change func(*sandbox.Outcome)) sandbox.Outcome {
		return v2(func(o *sandbox.Outcome) {
			o.Exit, o.Tail = exit(1), torchText
			if change != nil {
				change(o)
			}
		})
	}
	h100 := usage.Device{ID: "GPU-0", Type: "H100", Memory: amount(80 * gib)}
	slice := usage.Device{ID: "MIG-a", Type: "H100", Profile: "1g.10gb", Memory: amount(10 * gib)}
	used := func(memory, others int64) []usage.Sample {
		return []usage.Sample{{Time: at(1), Devices: []usage.Use{{ID: "GPU-0", Memory: &memory, Others: &others}}}}
	}
	for _, c := range []struct {
		name    string
		outcome sandbox.Outcome
		record  usage.Record
		want    []string // "-": none
	}{
		{"a stranger on it", failing(nil), usage.Record{Devices: []usage.Device{h100}, Samples: used(48*gib, 31*gib)},
			[]string{"(3 MiB of 64 MiB at its peak): H100 GPU-0 had 48 GiB of 80 GiB in use", "others 31 GiB", "or end what else runs on it, or ask for a card with more memory (RTX_PRO_6000"}},
		{"a log that is incomplete", failing(func(o *sandbox.Outcome) { o.LogError = "no space" }), usage.Record{Devices: []usage.Device{h100}},
			[]string{"the attempt's log is incomplete: no space", "out of GPU memory"}},
		{"a MIG device", failing(nil), usage.Record{Devices: []usage.Device{slice}},
			[]string{"1g.10gb MIG-a has 10 GiB, and nobody saw", "ask for a larger partition (1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb, 7g.80gb)"}},
		{"a card without a type", failing(nil), usage.Record{Devices: []usage.Device{{ID: "GPU-0"}}},
			[]string{"GPU-0, of which nobody saw", "ask for a card with more memory, or spread"}},
		{"no devices", failing(nil), usage.Record{}, []string{"-"}},
		{"host memory near its limit", failing(func(o *sandbox.Outcome) { o.Memory.PeakNeed = 63 * mib }), usage.Record{Devices: []usage.Device{h100}}, []string{"-"}},
		{"host out of memory", failing(oomV2), usage.Record{Devices: []usage.Device{h100}}, []string{"-"}},
		{"it went on and succeeded", failing(func(o *sandbox.Outcome) { o.Exit = exit(0) }), usage.Record{Devices: []usage.Device{h100}}, []string{"-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := weigh(c.outcome, JudgeOptions{})
			plain := Judge(c.outcome, JudgeOptions{})
			hints := strings.Join(deviceHints(plain, e, c.record), "\n")
			if c.want[0] == "-" {
				if strings.Contains(hints, "GPU memory") {
					t.Errorf("it says %q", hints)
				}
				return
			}
			for _, w := range c.want {
				if !strings.Contains(hints, w) {
					t.Errorf("it says %q, want %q in it", hints, w)
				}
			}
			if strings.Contains(hints, "refused, not killed") {
				t.Errorf("it speaks of the host's memory, too: %q", hints)
			}
		})
	}
}
