// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"fmt"

	"drydock/gpu"
	"drydock/internal/admission"
	"drydock/resources"
	"drydock/sandbox"
)

// desk lets attempts in: one of package admission's.
type desk interface {
	Take(ctx context.Context, r admission.Request, tell func(string)) (*admission.Claim, error)
	Force(r admission.Request) (*admission.Claim, error)
	Look()
	Holders() ([]admission.Holder, error)
}

// openDesk returns where the Executor's attempts are let in, and the capacity
// that it goes by. stateDir is on the file system whose room is shared.
func openDesk(c Config, stateDir string) (desk, Capacity, error) {
	capacity, err := c.Capacity.completed()
	if err != nil {
		return nil, capacity, err
	}
	if capacity.Pids, err = pidsOf(capacity, c.Profile); err != nil {
		return nil, capacity, err
	}
	if c.LeaseDir == "" && !c.Capacity.IsZero() {
		return admission.NewLocal(sandbox.Amounts(capacity)), capacity, nil
	}
	if capacity.Disk == 0 {
		if capacity.Disk, err = room(stateDir); err != nil {
			return nil, capacity, err
		}
	}
	machine, err := admission.Shared(c.LeaseDir, sandbox.Amounts(capacity))
	return machine, capacity, err
}

// place is what an attempt was let in with.
type place struct {
	claim *admission.Claim
	// accelerators are nil where none were asked for; devices are what the
	// sandbox has to map of them.
	accelerators *Accelerators
	devices      *sandbox.Accelerators
	inv          gpu.Inventory // by which they were chosen
}

// admit waits until there is room for attempt n with d.
func (r *run) admit(ctx context.Context, n int, d resources.Demand) (place, error) {
	need, _, err := r.x.capacity.need(d)
	if err != nil {
		return place{}, err
	}
	queued := false
	tell := func(reason string) {
		queued = true
		r.recordWaiting(reason)
		r.emitter.emit(Event{Type: EventQueued, Queued: &Queued{Resources: d, Waiting: reason}})
	}
	p, err := r.take(ctx, n, need, d, tell)
	if queued {
		r.recordWaiting("")
	}
	if err != nil {
		return place{}, abortedOr(ctx, err)
	}
	if !queued {
		r.emitter.emit(Event{Type: EventQueued, Queued: &Queued{Resources: d}})
	}
	return p, nil
}

// take claims a place, with the devices that d asks for. After a wait somebody
// may be on them whom drydock does not know: then it waits on, where it stood.
func (r *run) take(ctx context.Context, n int, need Capacity, d resources.Demand, tell func(string)) (place, error) {
	request := r.request(n, need, nil)
	for {
		w, err := r.wish(ctx, d)
		if err != nil {
			return place{}, err
		}
		request.Demand.Devices = w.choices()
		claim, err := r.claim(ctx, request, w, tell)
		if err != nil || w == nil {
			return place{claim: claim}, err
		}
		if err := w.refresh(ctx); err != nil {
			claim.Release()
			return place{}, err
		}
		if inv, m, picked, ok := w.chosen(claim.Holds.Devices); ok {
			p := place{claim: claim, inv: inv}
			p.accelerators, p.devices = accelerators(inv, m, picked)
			return p, nil
		}
		request.Since = claim.Since
		claim.Release()
		r.x.devices.forget() // who is on them was taken for the claim's holder
	}
}

// claim waits for the desk.
func (r *run) claim(ctx context.Context, request admission.Request, w *wish, tell func(string)) (*admission.Claim, error) {
	if w == nil {
		return r.x.desk.Take(ctx, request, tell)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer w.keepLooking(ctx, r.x.desk.Look, end)()
	return r.x.desk.Take(ctx, request, tell)
}

func (r *run) request(n int, need Capacity, devices []admission.Choice) admission.Request {
	need.Pids = r.pids()
	return admission.Request{ID: r.id, Attempt: n, Demand: admission.Demand{Amounts: sandbox.Amounts(need), Devices: devices}}
}

// readmit counts an attempt that runs already, also when it would not be
// admitted any more. Where that fails its sandbox's own lease still counts; it
// cannot be lent, which is told.
func (r *run) readmit(n int, d resources.Demand, held []sandbox.Device) *admission.Claim {
	need, _, err := r.x.capacity.need(d)
	if err != nil {
		need = asked(d)
	}
	var devices []admission.Choice
	for _, device := range held {
		devices = append(devices, admission.Choice{Count: 1, Of: []sandbox.Device{device}})
	}
	claim, err := r.x.desk.Force(r.request(n, need, devices))
	if err != nil {
		r.warn(resources.Warning{Code: codeNotClaimed, Text: "what the task holds counts also while it only waits for others: " + err.Error()})
		return &admission.Claim{}
	}
	return claim
}

// asked is what d takes of a machine that has it.
func asked(d resources.Demand) Capacity {
	c := Capacity{CPUMilli: d.CPU.RequestMilli(), Memory: d.Memory.RequestBytes()}
	if d.Disk != nil {
		c.Disk = d.Disk.RequestBytes()
	}
	return c
}

// need returns what a demand takes of the machine: its requests, as a
// scheduler counts. A request above the machine that nobody wrote, because it
// is the profile's default, takes all of it instead of being refused; one
// that somebody wrote is a *RefusedError. Limits above the machine are fine
// and come back as warnings.
//
// Processes and threads are no part of a demand: see pids.
func (c Capacity) need(d resources.Demand) (Capacity, []resources.Warning, error) {
	var warnings []resources.Warning
	need := asked(d)
	for _, part := range []struct {
		field     string
		allotment *resources.Allotment
		limit     int64
		request   *int64
		most      int64
		text      func(int64) string
	}{
		{"cpu", &d.CPU, d.CPU.LimitMilli(), &need.CPUMilli, c.CPUMilli, admission.CPUText},
		{"memory", &d.Memory, d.Memory.LimitBytes(), &need.Memory, c.Memory, admission.SizeText},
		{"disk", d.Disk, need.Disk, &need.Disk, c.Disk, admission.SizeText},
	} {
		if part.allotment == nil || part.most == 0 {
			continue
		}
		takes, w, err := share(part.field, *part.allotment, *part.request, part.limit, part.most, part.text)
		if err != nil {
			return Capacity{}, nil, err
		}
		*part.request = takes
		warnings = append(warnings, w...)
	}
	return need, warnings, nil
}

// beyondHost warns of a limit that this machine cannot back, although the node
// that it is taken for could.
func (c Capacity) beyondHost(d resources.Demand) []resources.Warning {
	host, err := hostTotal()
	limit := d.Memory.LimitBytes()
	if err != nil || limit > c.Memory || limit <= host.Memory {
		return nil
	}
	return []resources.Warning{{Field: "memory", Code: codeAboveMachine,
		Text: fmt.Sprintf("the memory limit of %s is more than this machine has (%s): the machine runs out of memory before it is reached",
			admission.SizeText(limit), admission.SizeText(host.Memory))}}
}

// Codes of the executor's own warnings.
const (
	codeAboveMachine = "above-machine" // more than the machine has, and allowed
	codeNotRecorded  = "not-recorded"  // the end could not be written down
	codeLeftBehind   = "left-behind"   // not all of an attempt could be removed
	codeNotClaimed   = "not-claimed"   // an adopted attempt cannot be lent
)

// share does need's work for one resource.
func share(field string, a resources.Allotment, request, limit, most int64, text func(int64) string) (int64, []resources.Warning, error) {
	switch {
	case request > most && a.RequestOrigin != resources.Default:
		remedy := fmt.Sprintf("ask for less; a pair REQUEST,LIMIT may keep its limit above the machine: --%s %s,%s", field, text(most), text(limit))
		if field == "disk" { // it has no limit of its own
			remedy = "ask for less, or free some"
		}
		return 0, nil, refuse(nil, remedy,
			"the task asks for %s %s, and this machine allocates at most %s", text(request), field, text(most))
	case request > most:
		return most, []resources.Warning{{Field: field, Code: codeAboveMachine,
			Text: fmt.Sprintf("the default of %s %s is more than this machine allocates (%s); ask for what the task needs with --%s", text(request), field, text(most), field)}}, nil
	case limit > most:
		return request, []resources.Warning{{Field: field, Code: codeAboveMachine,
			Text: fmt.Sprintf("the %s limit of %s is above what this machine allocates (%s): it will not be reached here", field, text(limit), text(most))}}, nil
	}
	return request, nil, nil
}
