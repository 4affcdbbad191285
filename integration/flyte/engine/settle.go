// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
)

// settle records an attempt's end and decides whether there is another one.
// over says that there is not. An error is a write that failed; nothing has
// changed then.
func (r *liveRun) settle(n *node, end End, launched bool) (over bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.a.Done() { // aborted meanwhile: that stands, whatever the attempt says
		return true, r.closeAttempt(n, end)
	}
	next := r.verdict(n.a, end)
	err = r.setEnd(n, true, &end, func(s *State) {
		r.conclude(s, end)
		next(s)
	})
	if err != nil {
		return false, err
	}
	if n.a.Phase == common.ActionPhase_ACTION_PHASE_SUCCEEDED && launched {
		r.putInCache(n)
	}
	return n.a.Done(), nil
}

// closeAttempt notes that nothing is left of an aborted action's attempt.
func (r *liveRun) closeAttempt(n *node, end End) error {
	return r.setEnd(n, true, &end, func(s *State) {
		if at := s.last(); at != nil {
			at.Ended = r.e.now()
			at.HasReport = end.HasReport
		}
	})
}

// conclude notes the attempt's own end.
func (r *liveRun) conclude(s *State, end End) {
	at := s.last()
	if at == nil {
		return
	}
	now := r.e.now()
	at.enter(end.Phase, now)
	at.Ended, at.Error, at.HasReport, at.Waiting = now, end.Error, end.HasReport, ""
	if !end.Started.IsZero() {
		at.Started = end.Started
	}
	if end.Limits != nil {
		at.Limits = end.Limits
	}
	if end.Notes != nil {
		at.Notes = end.Notes
	}
}

// verdict decides what an attempt's end means for the action.
func (r *liveRun) verdict(a *Action, end End) func(*State) {
	switch end.Phase {
	case common.ActionPhase_ACTION_PHASE_SUCCEEDED:
		return func(s *State) { r.finish(s, end.Phase, nil) }
	case common.ActionPhase_ACTION_PHASE_ABORTED: // and the abort itself could not be written down
		return func(s *State) {
			s.AbortReason = "aborted on request"
			r.finish(s, end.Phase, nil)
		}
	}
	users, systems := a.UserFailures, a.SystemFailures
	allowed := int(min(a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetRetries().GetRetries(), math.MaxInt32))
	var backoff time.Duration
	switch end.Retry {
	case RetryUser:
		backoff = Backoff(a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetRetries().GetBackoff(), users)
		users, systems = users+1, 0
		if users > allowed {
			return func(s *State) {
				s.UserFailures, s.SystemFailures = users, systems
				r.finish(s, end.Phase, exhausted(end.Error, allowed))
			}
		}
	case RetrySystem:
		systems++
		if systems > r.e.c.SystemRetries {
			return func(s *State) {
				s.SystemFailures = systems
				r.finish(s, end.Phase, systemExhausted(end.Error, systems))
			}
		}
	default:
		return func(s *State) { r.finish(s, end.Phase, end.Error) }
	}
	return func(s *State) {
		next, err := r.newAttempt(a, a.Last().Number+1)
		if err != nil { // no id to be had: the machine has no randomness
			r.finish(s, common.ActionPhase_ACTION_PHASE_FAILED, failure(core.ExecutionError_SYSTEM, "NoAttempt", "%v", err))
			return
		}
		s.Phase, s.OutputURI = next.Phase, next.OutputURI
		s.UserFailures, s.SystemFailures = users, systems
		s.NotBefore = time.Time{}
		if backoff > 0 {
			s.NotBefore = r.e.now().Add(backoff)
		}
		s.Attempts = append(s.Attempts, next)
	}
}

func (r *liveRun) finish(s *State, p common.ActionPhase, e *core.ExecutionError) {
	s.Phase, s.Error, s.Ended = p, e, r.e.now()
	if at := s.last(); at != nil {
		s.OutputURI = at.OutputURI
	}
	if p == common.ActionPhase_ACTION_PHASE_SUCCEEDED && s.CacheKey != "" {
		s.CacheStatus = core.CatalogCacheStatus_CACHE_POPULATED
	}
}

// exhausted is the last error of a task whose retries are used up. Where the
// code is the user's own, it says so in front of it, as the SDK's
// RetriesExhaustedError expects (flyte-sdk _internal/runtime/convert.py takes
// what follows the bar as the exception's code).
func exhausted(e *core.ExecutionError, retries int) *core.ExecutionError {
	if retries == 0 || !ordinary(e) {
		return e
	}
	e = proto.Clone(e).(*core.ExecutionError)
	e.Code = "RetriesExhausted|" + e.Code
	return e
}

// systemExhausted is the last error after too many failures of the platform's.
func systemExhausted(e *core.ExecutionError, failures int) *core.ExecutionError {
	if failures <= 1 {
		return e
	}
	return failure(core.ExecutionError_SYSTEM, "MaxSystemFailuresExceeded",
		"%d attempts in a row failed through no fault of the task's; the last one: %s (%s)", failures, e.GetMessage(), e.GetCode())
}

// Backoff is the time before the retry with the given number, from 0:
// min(base·factor^n, cap), as flyteidl2 core.Backoff has it.
func Backoff(b *core.Backoff, n int) time.Duration {
	base := b.GetBase().AsDuration()
	if base <= 0 {
		return 0
	}
	factor := 1.0
	if b.Factor != nil {
		factor = b.GetFactor()
	}
	d := float64(base) * math.Pow(factor, float64(n))
	most := float64(math.MaxInt64 / 2)
	if limit := b.GetCap().AsDuration(); limit > 0 {
		most = float64(limit)
	}
	if math.IsNaN(d) || d > most {
		d = most
	}
	return time.Duration(max(d, 0))
}

// String names an action for messages.
func (id ActionID) String() string { return fmt.Sprintf("%s/%s", id.Run.Name, id.Name) }
