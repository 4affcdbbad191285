// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"math"
	"time"

	"drydock/resources"
)

// Defaults of OOMRetry.
const (
	defaultOOMFactor   = 2
	defaultOOMAttempts = 3
)

// systemBackoff is the time before the first retry of a system failure; it
// doubles each time, as whatever disturbed the machine may take a while.
const systemBackoff = time.Second

// maxBackoff bounds every doubling.
const maxBackoff = 5 * time.Minute

// retry is the attempt that follows; number 0: none does.
type retry struct {
	number int
	reason string
	delay  time.Duration
	demand resources.Demand
}

// retryPolicy counts a task's retries. Each kind has its own count: that the
// machine was short of memory uses up nobody's retries but the system's.
type retryPolicy struct {
	user, system, oom int // retries so far
}

// decide says whether another attempt follows a. When a policy was there and
// has come to its end, a's verdict gets a hint that says so.
func (p *retryPolicy) decide(r *run, a *Attempt) retry {
	switch retriesOf(r.task, a.Verdict.Class) {
	case retryMemory:
		return p.moreMemory(r, a)
	case retryUser:
		return p.again(r, a)
	case retrySystem:
		return p.afterSystem(r, a)
	default:
		return retry{}
	}
}

// retryKind says which count a retry uses up.
type retryKind int

const (
	retryNever retryKind = iota
	retryUser
	retrySystem
	retryMemory
)

// retriesOf says which retries follow a verdict, as far as there are some left.
func retriesOf(t Task, c Class) retryKind {
	switch c {
	case OOM:
		if t.OOMRetry != nil {
			return retryMemory
		}
		return retryUser
	case Failed, Timeout, Evicted, Shm:
		return retryUser
	case Interrupted, MachineMemory:
		return retrySystem
	default:
		// succeeded, aborted, and what another try cannot mend: a start that
		// failed fails again; after an unknown end the work may be done
		// already, and doing it twice is for a person to decide.
		return retryNever
	}
}

// count takes an attempt that was tried again into account.
func (p *retryPolicy) count(t Task, c Class) {
	switch retriesOf(t, c) {
	case retryUser:
		p.user++
	case retrySystem:
		p.system++
	case retryMemory:
		p.oom++
	}
}

// attempts is how many there are in all.
func (o OOMRetry) attempts() int {
	if o.Attempts == 0 {
		return defaultOOMAttempts
	}
	return o.Attempts
}

// again is the task's own retry with what it had.
func (p *retryPolicy) again(r *run, a *Attempt) retry {
	policy := r.task.Retries
	if p.user >= policy.Count {
		if policy.Count > 0 {
			a.hint("not tried again: all %d retries are used", policy.Count)
		}
		return retry{}
	}
	delay := doubled(policy.Backoff, p.user)
	p.user++
	return retry{
		number: a.Number + 1, delay: delay, demand: a.Demand,
		reason: fmt.Sprintf("%s; retry %d of %d", a.Verdict.Message, p.user, policy.Count),
	}
}

// afterSystem is drydock's retry after a failure that was not the task's.
func (p *retryPolicy) afterSystem(r *run, a *Attempt) retry {
	count := r.x.config.SystemRetries
	if p.system >= count {
		return retry{}
	}
	delay := doubled(systemBackoff, p.system)
	p.system++
	return retry{
		number: a.Number + 1, delay: delay, demand: a.Demand,
		reason: fmt.Sprintf("%s; system retry %d of %d", a.Verdict.Message, p.system, count),
	}
}

// moreMemory is the retry of an attempt that ran out of memory, with more.
func (p *retryPolicy) moreMemory(r *run, a *Attempt) retry {
	policy := *r.task.OOMRetry
	attempts := policy.attempts()
	if p.oom+1 >= attempts {
		a.hint("not tried again: %d attempts with more memory each time were allowed; allow more of them, or give it more at once", attempts)
		return retry{}
	}
	d, ok := r.raise(a.Demand, policy)
	if !ok {
		a.hint("not tried again: %s is as much memory as this task may get here", size(a.Demand.Memory.LimitBytes()))
		return retry{}
	}
	p.oom++
	return retry{
		number: a.Number + 1, demand: d,
		reason: fmt.Sprintf("%s; try again with %s", a.Verdict.Message, size(d.Memory.LimitBytes())),
	}
}

// raise returns the demand with the next larger memory limit. It reports
// false when the policy, the profile or the machine gives no more.
func (r *run) raise(d resources.Demand, policy OOMRetry) (resources.Demand, bool) {
	factor := policy.Factor
	if factor == 0 {
		factor = defaultOOMFactor
	}
	most := r.mostMemory()
	if policy.Max > 0 {
		most = min(most, policy.Max)
	}
	limit := d.Memory.LimitBytes()
	next, ok := resources.NextMemory(limit, factor, most)
	if !ok {
		return d, false
	}
	t := r.task
	t.Resources = withMemory(t.Resources, next)
	raised, _, err := t.demand(r.profile)
	if err != nil {
		return d, false // not reached: it was complete with the smaller limit
	}
	for _, origin := range []*resources.Origin{&raised.Memory.RequestOrigin, &raised.Memory.LimitOrigin} {
		if *origin != resources.Clamped {
			*origin = resources.Override
		}
	}
	return raised, true
}

// hintUntried says of the last attempt of a task that nobody looks after any
// more that it would have been tried again.
func (r *run) hintUntried(a *Attempt) {
	used := retryPolicy{}
	for i := range r.result.Attempts {
		used.count(r.task, r.result.Attempts[i].Verdict.Class)
	}
	const gone = "not tried again: the drydock that ran the task is gone"
	switch kind := retriesOf(r.task, a.Verdict.Class); {
	case kind == retryMemory && used.oom+1 < r.task.OOMRetry.attempts():
		a.hint("%s; drydock rerun gives it another try, and --override memory= more of it", gone)
	case kind == retryUser && used.user < r.task.Retries.Count:
		a.hint("%s, with %d of %d retries left; drydock rerun gives it another try", gone, r.task.Retries.Count-used.user, r.task.Retries.Count)
	}
}

func (a *Attempt) hint(format string, args ...any) {
	a.Verdict.Hints = append(a.Verdict.Hints, fmt.Sprintf(format, args...))
}

// doubled is the backoff before retry n (from 0).
func doubled(first time.Duration, n int) time.Duration {
	if first <= 0 {
		return 0
	}
	d := float64(first) * math.Pow(2, float64(n))
	return max(first, time.Duration(min(d, float64(maxBackoff))))
}
