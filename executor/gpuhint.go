// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/sandbox"
)

// judgeIn is Judge's verdict on the attempt kept in dir, with what is known of
// its devices beside it. That only explains: class, code and kind stay, and
// with them what follows.
func judgeIn(dir string, o sandbox.Outcome, opts JudgeOptions) Verdict {
	v := Judge(o, opts)
	if devices, err := usage.Read(dir); err == nil {
		v.Hints = deviceHints(v, weigh(o, opts), devices)
	}
	return v
}

// deviceHints are the verdict's with those that the devices add. What row 14
// makes of any "out of memory" in a log speaks of the host's, and goes.
func deviceHints(v Verdict, e *evidence, devices usage.Record) []string {
	hints := slices.Clone(v.Hints)
	if hint, ok := e.gpuMemoryHint(v, devices); ok {
		hints = slices.DeleteFunc(hints, func(h string) bool { return strings.HasPrefix(h, refusedHint) })
		hints = append(hints, hint)
	}
	for _, x := range devices.XIDs() {
		switch {
		case !x.ByProgram():
			hints = append(hints, fmt.Sprintf("the GPU %s reported %s: it is given to no task until drydock devices --refresh finds it well", x.GPU, x))
		case v.Class != Succeeded:
			hints = append(hints, fmt.Sprintf("the GPU %s reported %s; it is not the GPU's fault", x.GPU, x))
		}
	}
	return hints
}

// gpuMemoryTexts are what programs print when a GPU has no memory left, and
// how much they wanted where they say so. Such an error is an exception like
// others: no kernel kills for it, and no cluster calls it OOMKilled.
var gpuMemoryTexts = []*regexp.Regexp{
	regexp.MustCompile(`(?:CUDA|HIP|XPU) out of memory(?:\. Tried to allocate ([\d.]+ [KMGT]iB))?`),                                                    // PyTorch
	regexp.MustCompile(`torch\.(?:cuda\.)?OutOfMemoryError`),                                                                                           // PyTorch
	regexp.MustCompile(`RESOURCE_EXHAUSTED: (?:[^\n]{0,200}: )?Out of memory (?:while )?(?:trying to )?allocat(?:e|ing) ([\d.]+ ?(?:[KMGT]iB|bytes))`), // JAX, XLA
	regexp.MustCompile(`ResourceExhaustedError|OOM when allocating tensor`),                                                                            // TensorFlow
	regexp.MustCompile(`CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|CUDA(?: runtime)? error[^\n]{0,80}out of memory`),                           // CUDA
	regexp.MustCompile(`hipErrorOutOfMemory|HIP error[^\n]{0,80}out of memory`),                                                                        // ROCm
}

// hostTensor is TensorFlow's word for a tensor that did not fit into the
// machine's own memory.
var hostTensor = regexp.MustCompile(`OOM when allocating tensor[^\n]*device:CPU`)

// gpuMemoryText finds the first of them; wanted may be "".
func gpuMemoryText(tail string) (wanted string, found bool) {
	if hostTensor.MatchString(tail) {
		return "", false
	}
	for _, text := range gpuMemoryTexts {
		if m := text.FindStringSubmatch(tail); m != nil {
			if len(m) > 1 {
				wanted = m[1]
			}
			return wanted, true
		}
	}
	return "", false
}

// gpuMemoryHint names a failure for want of GPU memory. Of a program at its
// own limit it says nothing: pinned memory counts there, and CUDA calls a lack
// of it by the same name.
func (e *evidence) gpuMemoryHint(v Verdict, devices usage.Record) (string, bool) {
	if v.Class != Failed || e.kills > 0 || e.nearLimit() || len(devices.Devices) == 0 {
		return "", false
	}
	wanted, found := gpuMemoryText(e.o.Tail)
	if !found {
		return "", false
	}
	text := "out of GPU memory, not of the task's own"
	if m := e.o.Memory; m.Peak > 0 && m.Limit > 0 {
		text += fmt.Sprintf(" (%s of %s at its peak)", size(m.Peak), size(m.Limit))
	}
	sums := devices.Sum()
	for _, s := range sums {
		text += ": " + gpuMemoryFigures(s)
	}
	if wanted != "" {
		text += "; the program then wanted " + wanted + " more"
	}
	return text + "; " + gpuMemoryRemedy(sums), true
}

// gpuMemoryFigures are peak, total and what others had of it.
func gpuMemoryFigures(s usage.Summary) string {
	text := s.Device.String()
	switch {
	case s.Peak != nil && s.Memory != nil:
		text += fmt.Sprintf(" had %s of %s in use when it was seen fullest (once a second)", gpu.GiB(*s.Peak), gpu.GiB(*s.Memory))
	case s.Peak != nil:
		text += fmt.Sprintf(" had %s in use when it was seen fullest (once a second)", gpu.GiB(*s.Peak))
	case s.Memory != nil:
		text += " has " + gpu.GiB(*s.Memory) + ", and nobody saw how much of it was in use"
	default:
		text += ", of which nobody saw how much memory was in use"
	}
	if s.Others != nil && *s.Others > 0 {
		text += ", others " + gpu.GiB(*s.Others)
	}
	return text
}

// gpuMemoryRemedy is what to do, the cheapest first.
func gpuMemoryRemedy(sums []usage.Summary) string {
	remedies := []string{"make the batch smaller"}
	for _, s := range sums {
		if s.Others != nil && *s.Others > largeStranger {
			remedies = append(remedies, "end what else runs on it")
			break
		}
	}
	larger := sums[0]
	if larger.Profile != "" {
		if more := gpu.LargerProfiles(larger.Type, larger.Profile); len(more) > 0 {
			remedies = append(remedies, "ask for a larger partition ("+strings.Join(more, ", ")+")")
		} else {
			remedies = append(remedies, "ask for a whole GPU")
		}
	} else if more := gpu.LargerTypes(larger.Type); len(more) > 0 {
		remedies = append(remedies, "ask for a card with more memory ("+strings.Join(more, ", ")+")")
	} else {
		remedies = append(remedies, "ask for a card with more memory, or spread the work over several")
	}
	return strings.Join(remedies, ", or ")
}

// largeStranger is so much memory of others' that it matters.
const largeStranger = 512 << 20
