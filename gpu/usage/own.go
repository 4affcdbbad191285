// SPDX-License-Identifier: Apache-2.0

package usage

import "drydock/gpu"

// owner tells an attempt's use of devices from strangers'.
type owner struct {
	task     string
	baseline map[gpu.ID]int64
}

func newOwner(task string, devices []Device) *owner {
	o := &owner{task: task, baseline: map[gpu.ID]int64{}}
	for _, d := range devices {
		if d.Baseline != nil {
			o.baseline[d.ID] = *d.Baseline
		}
	}
	return o
}

// use says what of a device's use was the attempt's. Its processes tell it
// where they are to be seen: in another pid namespace they are not, or are
// dropped from the list, and some drivers do not tell how much one has.
func (o *owner) use(u gpu.Use) Use {
	out := Use{ID: u.ID, Used: u.Used, Busy: u.Busy, Problem: u.Problem}
	var own, others int64
	mine, complete := 0, true
	for _, p := range u.Processes {
		switch {
		case p.Task == o.task && p.Memory != nil:
			mine++
			own += *p.Memory
		case p.Task == o.task:
			mine, complete = mine+1, false
		case p.Memory != nil && p.UID != nil: // a hidden one may be the attempt's
			others += *p.Memory
		}
	}
	if others > 0 || len(u.Processes) > 0 && complete {
		out.Others = &others
	}
	if mine > 0 && complete {
		out.Memory, out.By = &own, ByProcesses
		return out
	}
	if u.Used == nil {
		return out
	}
	baseline, known := o.baseline[u.ID]
	if !known {
		// Looking begins before the program does: what is there now is nobody's of ours.
		baseline = *u.Used
		o.baseline[u.ID] = baseline
	}
	rest := max(0, *u.Used-max(baseline, others))
	out.Memory, out.By = &rest, ByDevice
	if out.Others == nil && baseline > 0 {
		out.Others = &baseline
	}
	return out
}
