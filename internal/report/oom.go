// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"regexp"
	"strings"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
)

// outOfMemory is the report for which drydock was made: what ran out, what
// filled it, who was killed, and what to try next.
func outOfMemory(s Style, r *executor.Result, last *executor.Attempt) string {
	out := &rows{style: s}
	fmt.Fprintf(&out.b, "drydock: %s\n\n", s.Bad(oneLine(r.Verdict.Message)))
	o := r.Verdict.OOM
	if o == nil {
		hints(out, r.Verdict.Hints)
		return out.b.String()
	}
	out.add("limit", size(o.Limit), limitOrigin(r, last))
	known(out, r, o)
	if o.After > 0 {
		out.add("when", lasted(o.After), fmt.Sprintf("into attempt %d", last.Number))
	}
	if o.Cores > 0 {
		out.add("cores", fmt.Sprintf("%d seen", o.Cores), "CPU limit "+last.Demand.CPU.Limit.String()+coresHint(o, last))
	}
	attempts(out, r)
	out.blank()
	whatToDo(out, r, o)
	return out.b.String()
}

// known are the facts about the kill as far as there are any: a container
// engine that lets nobody look into its cgroups tells little.
func known(out *rows, r *executor.Result, o *executor.OOMReport) {
	if o.Peak > 0 {
		out.add("peak", size(o.Peak), split(o))
	}
	if o.Evidence == sandbox.EvidenceKernel || o.Victim != nil {
		killed(out, o) // an engine does not tell which process it was
	}
	out.add("group kill", group(o.Group), groupWhy(r.Limits, o.Group))
	switch o.Evidence {
	case sandbox.EvidenceEngine:
		out.add("evidence", "engine", "its word: the kernel's counters could not be read")
	case sandbox.EvidenceSample:
		out.add("evidence", "samples", "probable: neither counters nor the engine's word could be had")
	}
}

// limitOrigin says whose idea the limit was.
func limitOrigin(r *executor.Result, last *executor.Attempt) string {
	a := last.Demand.Memory
	first := r.Attempts[0].Demand.Memory
	if last.Number > 1 && r.Task.OOMRetry != nil && a.LimitBytes() > first.LimitBytes() {
		return "raised by --oom-retry from " + first.Limit.String()
	}
	switch a.LimitOrigin {
	case resources.Asked:
		return "asked for: memory " + allotment(a)
	case resources.Override:
		return "from the override: memory " + allotment(a)
	case resources.Clamped:
		return "lowered by the profile's limit"
	}
	switch a.RequestOrigin {
	case resources.Asked:
		return "asked for: memory " + a.Request.String()
	case resources.Override:
		return "from the override: memory " + a.Request.String()
	}
	return "the profile's default: nothing was asked for"
}

// split is what the memory was. A sample that missed most of the peak was
// taken before the fast growth that killed, and says so.
func split(o *executor.OOMReport) string {
	sum := o.Anon + o.File + o.Shmem + o.Kernel
	if sum == 0 {
		return "grew too fast to be sampled"
	}
	parts := fmt.Sprintf("anon %s, file %s, shmem %s, kernel %s", size(o.Anon), size(o.File), size(o.Shmem), size(o.Kernel))
	if sum < o.Peak/4*3 {
		return parts + " in the last sample before it"
	}
	return parts
}

func killed(out *rows, o *executor.OOMReport) {
	role := "a child process"
	if o.Main {
		role = "the main process"
	}
	name := role
	var facts []string
	if v := o.Victim; v != nil {
		if v.Name != "" {
			name = oneLine(v.Name)
			facts = append(facts, role)
		}
		if v.PID > 0 {
			facts = append(facts, fmt.Sprintf("pid %d", v.PID))
		}
		if v.RSS > 0 {
			facts = append(facts, "RSS "+size(v.RSS))
		}
	}
	if o.Kills > 1 {
		facts = append(facts, fmt.Sprintf("first of %d kills", o.Kills))
	}
	out.add("killed", name, strings.Join(facts, ", "))
}

func group(g sandbox.GroupKill) string {
	if g == sandbox.GroupEnforced {
		return "yes"
	}
	return string(g)
}

func groupWhy(limits []sandbox.Enforcement, g sandbox.GroupKill) string {
	switch g {
	case sandbox.GroupEnforced:
		return "the kernel ended the whole attempt with the victim, as on the cluster"
	case sandbox.GroupEmulated:
		return "drydock ended the rest of the attempt with the victim"
	}
	for _, e := range limits {
		if e.Limit == "group-kill" && e.Why != "" {
			return oneLine(e.Why)
		}
	}
	return "only the victim died; the rest of the attempt lived on"
}

// coresHint: pools sized by the machine's cores are the commonest reason why
// the same code needs more memory on a larger node.
func coresHint(o *executor.OOMReport, last *executor.Attempt) string {
	if o.Evidence == sandbox.EvidenceKernel && !o.Main && int64(o.Cores)*1000 > last.Demand.CPU.LimitMilli() {
		return "; a pool of one worker per core has that many copies"
	}
	return ""
}

// whatToDo closes the report with what can be pasted.
func whatToDo(out *rows, r *executor.Result, o *executor.OOMReport) {
	a := AdviceOf(r.Task.Resources, r.Verdict)
	if o.Suggest != "" {
		next, or := a.Flag, ""
		if r.Task.OOMRetry == nil {
			next, or = pad(next, 2*valueWidth-2), "or --oom-retry 2x, and drydock finds it"
		}
		out.add("try", out.style.bold(next)+out.style.dim(or), "")
		out.add("in Flyte", out.style.bold(a.Flyte), "")
	}
	hints(out, a.Hints)
}

var memoryPair = regexp.MustCompile(`memory=\("([^"]+)", "([^"]+)"\)`)

// flagValue is the value of --memory that says the same as the pasted line.
func flagValue(line string, limit resources.Quantity) string {
	if pair := memoryPair.FindStringSubmatch(line); pair != nil {
		return pair[1] + "," + pair[2]
	}
	return string(limit)
}

// withMemory is the line that gives a task the memory it ended well with.
func withMemory(r resources.Resources, m resources.Allotment) string {
	if m.Request.Cmp(m.Limit) == 0 {
		return withLimit(r, resources.Quantity(m.Limit.String()))
	}
	r.Memory = resources.Pair(resources.Quantity(m.Request.String()), resources.Quantity(m.Limit.String()))
	return r.Python()
}

func withLimit(r resources.Resources, limit resources.Quantity) string {
	r.Memory = resources.Of(limit)
	return r.Python()
}
