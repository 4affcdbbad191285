// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"strconv"
	"strings"
)

// regrets says what the SDK lets through and a cluster refuses (the error, of the first field) or a person would
// regret (the warnings).
func (r Resources) regrets() ([]Warning, error) {
	var warnings []Warning
	var refused error
	take := func(value string, fs []finding) {
		for _, f := range fs {
			switch {
			case !f.refuse:
				warnings = append(warnings, f.warning(value))
			case refused == nil:
				refused = f.err(value)
			}
		}
	}
	if f, ok := r.exchanged(); ok {
		take(string(r.CPU.Request), []finding{f})
	} else {
		take(shown("cpu", r.CPU), rangeFindings("cpu", r.CPU))
		memory := rangeFindings("memory", r.Memory)
		if f, ok := r.belowFloor(); ok && len(memory) == 0 {
			memory = []finding{f}
		}
		take(shown("memory", r.Memory), memory)
	}
	take(string(r.Disk), sizeFindings("disk", r.Disk, writer("disk")))
	shm := sizeFindings("shm", r.Shm, writer("shm"))
	take(string(r.Shm), shm)
	if f, ok := r.shmAboveMemory(); ok && len(shm) == 0 {
		take(string(r.Shm), []finding{f})
	}
	if r.GPU != nil {
		take(r.GPU.Python(), r.GPU.findings())
	}
	return warnings, refused
}

// shown is a range as text for a message.
func shown(field string, r Range) string {
	if r.IsPair() {
		return rangeText(field, r)
	}
	return string(r.Request)
}

// writer shows a scalar of a field as Python would have it.
func writer(field string) func(string) string {
	return func(s string) string { return field + "=" + literalText(field, Quantity(s)) }
}

func scalarFindings(field string, q Quantity, write func(string) string) []finding {
	if field == "cpu" {
		return cpuFindings(q, write)
	}
	return sizeFindings(field, q, write)
}

// rangeFindings judges a scalar or both halves of a pair, and then the pair itself.
func rangeFindings(field string, r Range) []finding {
	if !r.IsPair() {
		return scalarFindings(field, r.Request, writer(field))
	}
	if f, ok := negativePair(field, r); ok {
		return []finding{f}
	}
	if fs := zeroFindings(field, r); len(fs) > 0 {
		return fs
	}
	if fs := halfFindings(field, r); len(fs) > 0 {
		return fs
	}
	request, err := r.Request.Parse()
	limit, err2 := r.Limit.Parse()
	if err != nil || err2 != nil || r.Request == "" || request.Cmp(limit) <= 0 {
		return nil
	}
	return []finding{{field, CodeReversed, "request above limit: the request is lowered to the limit",
		didYouMean(field + "=" + rangeText(field, inOrder(r))), false}}
}

// halfFindings judges both halves. When both are wrong and both have a replacement, one hint names the two.
func halfFindings(field string, r Range) []finding {
	better := r
	low := scalarFindings(field, r.Request, func(s string) string {
		better.Request = Quantity(s)
		return field + "=" + rangeText(field, Range{Quantity(s), r.Limit})
	})
	high := scalarFindings(field, r.Limit, func(s string) string {
		better.Limit = Quantity(s)
		return field + "=" + rangeText(field, Range{r.Request, Quantity(s)})
	})
	if len(low) == 1 && len(high) == 1 && better.Request != r.Request && better.Limit != r.Limit {
		low[0].hint = didYouMean(field + "=" + rangeText(field, better))
		low[0].refuse = low[0].refuse || high[0].refuse
		return low
	}
	return append(low, high...)
}

// inOrder turns a reversed pair round; the same number with two units ("400Mi", "400M") means the larger twice.
func inOrder(r Range) Range {
	digits := func(q Quantity) string { return strings.TrimRight(string(q), "numkKMGTPEi") }
	if digits(r.Request) == digits(r.Limit) {
		return Range{r.Request, r.Request}
	}
	return Range{r.Limit, r.Request}
}

func negativePair(field string, r Range) (finding, bool) {
	positive := func(q Quantity) Quantity {
		if p, err := q.Parse(); err == nil && p.Sign() < 0 {
			return Quantity(strings.TrimPrefix(string(q), "-"))
		}
		return q
	}
	p := Range{positive(r.Request), positive(r.Limit)}
	if p == r {
		return finding{}, false
	}
	which := "negative request"
	if p.Limit != r.Limit {
		which = "negative limit"
	}
	if p.Request == p.Limit {
		p = Of(p.Request)
	}
	return finding{field, CodeNegative, which, didYouMean(field + "=" + rangeText(field, p)), true}, true
}

// zeroFindings judges a pair of which one half, or both, counts as unset.
func zeroFindings(field string, r Range) []finding {
	zero := func(q Quantity) bool { p, err := q.Parse(); return err == nil && p.IsZero() }
	low, high := zero(r.Request), zero(r.Limit)
	switch {
	case low && high:
		return []finding{{field, CodeZero, "zero counts as unset, and the default is given", leaveOut(field), false}}
	case low:
		return unsetHalf(field, "a request of zero counts as unset: the request becomes the limit", r.Limit)
	case high:
		return unsetHalf(field, "a limit of zero counts as unset: the limit becomes the request", r.Request)
	}
	return nil
}

// unsetHalf judges the half that stands for both, which may have faults of its own.
func unsetHalf(field, reason string, q Quantity) []finding {
	fs := scalarFindings(field, q, writer(field))
	hint := didYouMean(field + "=" + literalText(field, q))
	if len(fs) > 0 {
		hint = fs[0].hint
	}
	return append([]finding{{field, CodeZero, reason, hint, false}}, fs...)
}

// exchanged recognises a size where cores belong, beside a memory of a few bytes.
func (r Resources) exchanged() (finding, bool) {
	cpu, memory := string(r.CPU.Request), string(r.Memory.Request)
	number := strings.TrimRight(cpu, "KMGTPEi")
	n, err := strconv.ParseFloat(memory, 64)
	if number == cpu || r.CPU.IsPair() || r.Memory.IsPair() || err != nil || n <= 0 || n > mostCores {
		return finding{}, false
	}
	if _, err := r.CPU.Request.Parse(); err != nil {
		return finding{}, false
	}
	if _, err := r.Memory.Request.Parse(); err != nil { // "nan" is a number to Go
		return finding{}, false
	}
	return finding{"cpu", CodeExchanged, "cpu and memory look exchanged: " + cpu + " cores, " + memory + " bytes",
		didYouMean("cpu=" + pyDouble(memory) + ", memory=" + pyDouble(cpu)), false}, true
}

// flyteMemory is the memory that Flyte gives when none is asked for (flytek8s/config/config.go).
const flyteMemory = gibi

// memoryFloor is what a container runtime needs of a pod's memory before the program starts: with a limit of 6Mi
// a pod hangs in Pending, with 8Mi it runs (measured with a kubelet 1.34, containerd 2.2 and runc 1.4).
const memoryFloor = 7 * mebi

// belowFloor recognises a limit with which a task runs here, perhaps, and never on a cluster.
func (r Resources) belowFloor() (finding, bool) {
	limit, named := r.writtenMemory()
	return finding{"memory", CodeFloor, "a cluster's container runtime needs about 7 MiB of it before the program starts: a pod with less hangs in Pending",
		"name 8Mi or more", false}, named && limit < memoryFloor
}

// shmAboveMemory recognises shared memory that can never be filled: its pages count against the memory limit.
func (r Resources) shmAboveMemory() (finding, bool) {
	size, ok := r.shmSize()
	limit, named := r.writtenMemory()
	if !ok || size <= limit {
		return finding{}, false
	}
	both := "memory=" + pyDouble(double(size)) + ", shm=" + pyDouble(string(r.Shm))
	if named {
		return finding{"shm", CodeShm, "shared memory counts against the memory limit: /dev/shm is made no larger, and the task is killed before that is full",
			didYouMean(both), false}, true
	}
	return finding{"shm", CodeShm, "shared memory counts against the memory limit, which is Flyte's default of 1Gi unless the profile has another",
		"name memory too, such as " + both, false}, true
}

func (r Resources) shmSize() (int64, bool) {
	if r.Shm == "" || r.Shm == Auto {
		return 0, false
	}
	q, err := r.Shm.Parse()
	return saturated(q, 1), err == nil && q.Sign() > 0
}

// writtenMemory is the memory limit that r itself names, or Flyte's default.
func (r Resources) writtenMemory() (limit int64, named bool) {
	for _, q := range []Quantity{r.Memory.Limit, r.Memory.Request} {
		if p, err := q.Parse(); err == nil && p.Sign() > 0 {
			return saturated(p, 1), true
		}
	}
	return flyteMemory, false
}
