// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"fmt"
	"sync"

	"drydock/resources"
)

// Lease is what admission gave an attempt. It lives as long as the sandbox.
// Its methods are safe for concurrent use.
type Lease struct {
	Holds Capacity

	from  *admission
	state leaseState // guarded by from.mu
}

// leaseState says how a lease stands in the books.
type leaseState int

const (
	leaseHeld     leaseState = iota // counted
	leaseLent                       // kept, not counted
	leaseReleased                   // over
)

// Release gives the lease back. A second call does nothing.
func (l *Lease) Release() { l.become(leaseReleased) }

// lend stops counting the lease, so that others may be let in.
func (l *Lease) lend() { l.become(leaseLent) }

// recall counts it again, even beyond the capacity.
func (l *Lease) recall() { l.become(leaseHeld) }

// become moves the lease to another state. A released one stays released.
func (l *Lease) become(state leaseState) {
	a := l.from
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.state == state || l.state == leaseReleased {
		return
	}
	if l.state == leaseHeld {
		a.sub(l.Holds)
	}
	if state == leaseHeld {
		a.add(l.Holds)
	}
	l.state = state
	a.admit()
}

// admission lets attempts in, first come, first served, while their requests
// fit. A small task does not overtake a large one that waits: it could do so
// for ever.
type admission struct {
	capacity Capacity

	mu      sync.Mutex // guards what follows
	used    Capacity
	waiting []*waiter
}

type waiter struct {
	need  Capacity
	ready chan struct{} // closed when need has been taken for it
}

// take returns a lease on need, waiting until there is room. Before it waits
// it calls onWait with what it waits for. It ends early with an *abort when ctx ends.
// The caller has made sure that need fits an idle machine.
func (a *admission) take(ctx context.Context, need Capacity, onWait func(string)) (*Lease, error) {
	if err := abortOf(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	if len(a.waiting) == 0 && a.fits(need) {
		a.add(need)
		a.mu.Unlock()
		return &Lease{Holds: need, from: a}, nil
	}
	w := &waiter{need: need, ready: make(chan struct{})}
	a.waiting = append(a.waiting, w)
	reason := a.reason(need)
	a.mu.Unlock()

	onWait(reason)
	select {
	case <-w.ready:
		return &Lease{Holds: need, from: a}, nil
	case <-ctx.Done():
		a.leave(w)
		return nil, abortOf(ctx)
	}
}

// force returns a lease on need at once, even beyond the capacity: what runs
// already cannot be made to wait. Nobody new is let in until it fits again.
func (a *admission) force(need Capacity) *Lease {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(need)
	return &Lease{Holds: need, from: a}
}

// reason says what an attempt waits for; the lock is held.
func (a *admission) reason(need Capacity) string {
	free := Capacity{max(0, a.capacity.CPUMilli-a.used.CPUMilli), max(0, a.capacity.Memory-a.used.Memory)}
	if a.fits(need) {
		return fmt.Sprintf("waits for its turn behind %d others", len(a.waiting)-1)
	}
	return fmt.Sprintf("waits until %s are free; free now: %s of %s", need, free, a.capacity)
}

// leave takes w out of the queue, or gives back what it was given meanwhile.
func (a *admission) leave(w *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-w.ready:
		a.sub(w.need)
	default:
		for i, other := range a.waiting {
			if other == w {
				a.waiting = append(a.waiting[:i], a.waiting[i+1:]...)
				break
			}
		}
	}
	a.admit() // others may have waited behind w only
}

// admit lets in who fits, from the front; the lock is held.
func (a *admission) admit() {
	for len(a.waiting) > 0 && a.fits(a.waiting[0].need) {
		w := a.waiting[0]
		a.waiting = a.waiting[1:]
		a.add(w.need)
		close(w.ready)
	}
}

func (a *admission) fits(need Capacity) bool {
	return a.used.CPUMilli+need.CPUMilli <= a.capacity.CPUMilli &&
		a.used.Memory+need.Memory <= a.capacity.Memory
}

func (a *admission) add(c Capacity) { a.used.CPUMilli += c.CPUMilli; a.used.Memory += c.Memory }
func (a *admission) sub(c Capacity) { a.used.CPUMilli -= c.CPUMilli; a.used.Memory -= c.Memory }

// need returns what a demand takes of the machine: its requests, as a
// scheduler counts. A request above the machine that nobody wrote, because it
// is the profile's default, takes all of it instead of being refused; one
// that somebody wrote is a *RefusedError. Limits above the machine are fine
// and come back as warnings.
func (a *admission) need(d resources.Demand) (Capacity, []resources.Warning, error) {
	var warnings []resources.Warning
	cpu, w, err := share("cpu", d.CPU, d.CPU.RequestMilli(), d.CPU.LimitMilli(), a.capacity.CPUMilli, cpuText)
	if err != nil {
		return Capacity{}, nil, err
	}
	warnings = append(warnings, w...)
	memory, w, err := share("memory", d.Memory, d.Memory.RequestBytes(), d.Memory.LimitBytes(), a.capacity.Memory, roundSize)
	if err != nil {
		return Capacity{}, nil, err
	}
	return Capacity{CPUMilli: cpu, Memory: memory}, append(warnings, w...), nil
}

// Codes of the executor's own warnings.
const (
	codeAboveMachine = "above-machine" // more than the machine has, and allowed
	codeNotRecorded  = "not-recorded"  // the end could not be written down
)

// share does need's work for one resource.
func share(field string, a resources.Allotment, request, limit, most int64, text func(int64) string) (int64, []resources.Warning, error) {
	switch {
	case request > most && a.RequestOrigin != resources.Default:
		return 0, nil, refuse(nil,
			fmt.Sprintf("ask for less; a pair REQUEST,LIMIT may keep its limit above the machine: --%s %s,%s", field, text(most), text(limit)),
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

// roundSize is a size for sentences and for pasting: rounded down to what a
// person would write.
func roundSize(bytes int64) string {
	unit := int64(1) << 20
	if bytes >= 4<<30 {
		unit = 1 << 30
	}
	if bytes < unit {
		unit = 1
	}
	return resources.FormatSize(bytes / unit * unit)
}
