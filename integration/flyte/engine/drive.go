// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"time"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
)

// Causes of a context that ends an attempt from outside; see abortion, too.
var (
	errQueuedTooLong = errors.New("queued_timeout")
	errDeadline      = errors.New("deadline")
)

// start gives a task action the goroutine that looks after it. adopt says
// that an earlier process may have launched its last attempt. Call it with mu
// held.
func (r *liveRun) start(n *node, adopt bool) {
	ctx, cancel := context.WithCancelCause(context.Background())
	n.cancel, n.driving = cancel, true
	key := n.a.CacheKey
	if adopt {
		r.presume(n)
	}
	if n.a.Done() { // aborted by the process before: only its sandbox is left
		cancel(&abortion{n.a.AbortReason})
	}
	r.e.drivers.Add(1)
	go func() {
		defer r.e.drivers.Done()
		defer cancel(nil)
		r.drive(ctx, n, adopt)
		if r.isClosed() {
			return // who waits for what it held is the next process's to start
		}
		r.e.reserve.release(key, n)
		r.giveSlot(n)
		r.mu.Lock()
		n.driving = false
		r.wake() // whoever waits for the run to be over looks again
		r.mu.Unlock()
		r.e.retire(r)
	}()
}

// presume gives an action that may have run already what such a one holds:
// else another would run beside it that must not. Call it with mu held.
func (r *liveRun) presume(n *node) {
	if r.serializable(n.a) {
		r.e.reserve.presume(n.a.CacheKey, n)
	}
	if r.slots.limit > 0 {
		n.holding = true
		r.slots.used++
	}
}

// drive runs attempts until the action is over.
func (r *liveRun) drive(ctx context.Context, n *node, adopt bool) {
	a := r.snapshot(n)
	if d := deadline(a); !d.IsZero() {
		stop := r.e.endAt(ctx, n, d, errDeadline)
		defer stop()
	}
	for {
		end, launched := r.try(ctx, n, adopt)
		for {
			over, err := r.settle(n, end, launched)
			if r.isClosed() || over && err == nil {
				return // the next process goes on from here, or nobody has to
			}
			if err == nil {
				break
			}
			// The disk is full, say. The end is known, and is not lost to that.
			time.Sleep(settleAgain)
		}
		adopt = false
	}
}

// settleAgain is the time between tries to write an end down.
const settleAgain = time.Second

func (r *liveRun) snapshot(n *node) *Action {
	r.mu.Lock()
	defer r.mu.Unlock()
	return n.a
}

func (r *liveRun) isClosed() bool {
	select {
	case <-r.e.closing:
		return true
	default:
		return false
	}
}

// try runs the current attempt. launched is false when the context ended
// while it still waited for its turn.
func (r *liveRun) try(ctx context.Context, n *node, adopt bool) (end End, launched bool) {
	if adopt {
		if end, began := r.e.c.Launcher.Adopt(ctx, r.describe(n, nil)); began {
			return stopped(end, ctx), true
		}
		r.e.reserve.release(r.snapshot(n).CacheKey, n)
		r.giveSlot(n)
		if err := r.renew(n); err != nil {
			return End{Phase: common.ActionPhase_ACTION_PHASE_FAILED, Retry: RetrySystem,
				Error: failure(core.ExecutionError_SYSTEM, "NotRecorded", "the attempt could not be written down: %v", err)}, false
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queued := r.limitQueue(cancel, r.snapshot(n))
	defer queued.Stop()
	if hit := r.holdBack(ctx, n); hit != nil {
		return *hit, false
	}
	if context.Cause(ctx) != nil {
		return stopped(End{}, ctx), false
	}
	if r.isClosed() {
		return End{}, false // nor is it recorded
	}
	return stopped(r.e.c.Launcher.Launch(ctx, r.describe(n, queued)), ctx), true
}

// holdBack keeps an attempt until it may be launched: its backoff is over,
// nobody else computes the same cached value, and it has one of the run's
// slots. The end that it returns is not nil when somebody else did compute it.
func (r *liveRun) holdBack(ctx context.Context, n *node) *End {
	a := r.snapshot(n)
	if !sleepUntil(ctx, r.e.now(), a.NotBefore) {
		return nil
	}
	if r.serializable(a) {
		if hit := r.awaitTwin(ctx, n); hit != nil {
			return hit
		}
	}
	r.mu.Lock()
	holding := n.holding
	r.mu.Unlock()
	if !holding {
		_ = r.takeSlot(ctx, n) // the caller looks at the context
	}
	return nil
}

func sleepUntil(ctx context.Context, now, t time.Time) bool {
	d := t.Sub(now)
	if t.IsZero() || d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// describe tells the launcher what the current attempt is.
func (r *liveRun) describe(n *node, queued *time.Timer) Order {
	a := r.snapshot(n)
	at := a.Last()
	return Order{
		Run: r.run, Action: a, Attempt: at.Number, Retry: a.UserFailures, TaskID: at.TaskID,
		OutputURI: at.OutputURI, Timeout: a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetTimeout().AsDuration(), Loan: n.loan,
		Progress: func(p Progress) {
			if queued != nil && p.Phase == common.ActionPhase_ACTION_PHASE_RUNNING {
				queued.Stop()
			}
			r.progress(n, at.Number, p)
		},
	}
}

// progress notes how far an attempt is.
func (r *liveRun) progress(n *node, attempt int, p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.e.observe(Event{Run: r.run, Action: n.a, Progress: &p})
	last := n.a.Last()
	if n.a.Done() || r.isClosed() || last == nil || last.Number != attempt {
		return
	}
	if p.Phase == 0 && p.Limits == nil && p.Notes == nil && p.Sandbox == "" {
		return
	}
	change := func(s *State) {
		at := s.last()
		if p.Phase != 0 {
			at.enter(p.Phase, r.e.now())
			at.Waiting = p.Waiting
			s.Phase = p.Phase
		}
		if p.Phase == common.ActionPhase_ACTION_PHASE_RUNNING {
			at.Started = r.e.now()
		}
		if p.Limits != nil {
			at.Limits = p.Limits
		}
		if p.Notes != nil {
			at.Notes = p.Notes
		}
		if p.Sandbox != "" {
			at.Sandbox, at.Image = p.Sandbox, p.Image
		}
	}
	// Whether an attempt is in an image, the next process wants to know.
	if p.Image == "" || r.set(n, true, change) != nil {
		_ = r.set(n, false, change) // what is not durable cannot fail
	}
}

// renew gives the current attempt another executor id: the old one never
// began and must not be used twice.
func (r *liveRun) renew(n *node) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.a.Done() {
		return r.set(n, true, func(s *State) { s.last().Ended = r.e.now() })
	}
	fresh, err := r.newAttempt(n.a, n.a.Last().Number)
	if err != nil {
		return err
	}
	return r.set(n, true, func(s *State) {
		s.Phase = fresh.Phase
		*s.last() = fresh
	})
}

// limitQueue ends the attempt when it waits longer than its task allows,
// counted from when it could have been launched.
func (r *liveRun) limitQueue(cancel context.CancelCauseFunc, a *Action) *time.Timer {
	limit := a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetTimeouts().GetQueuedTimeout().AsDuration()
	last := a.Last()
	if limit <= 0 || last == nil {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	since := last.Created
	if a.NotBefore.After(since) {
		since = a.NotBefore
	}
	return time.AfterFunc(since.Add(limit).Sub(r.e.now()), func() { cancel(errQueuedTooLong) })
}

// deadline is when an action ends, whatever its attempts do; zero: never.
func deadline(a *Action) time.Time {
	d := a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetTimeouts().GetDeadline().AsDuration()
	if d <= 0 {
		return time.Time{}
	}
	return a.Created.Add(d)
}

// endAt ends an action's context at a time.
func (e *Engine) endAt(ctx context.Context, n *node, t time.Time, cause error) (stop func() bool) {
	timer := time.AfterFunc(t.Sub(e.now()), func() { n.cancel(cause) })
	context.AfterFunc(ctx, func() { timer.Stop() })
	return timer.Stop
}

// stopped is an attempt's end as the reason for stopping it has it.
func stopped(end End, ctx context.Context) End {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return end
	case errors.Is(cause, errDeadline):
		if end.Phase == common.ActionPhase_ACTION_PHASE_SUCCEEDED {
			return end // in time, when nobody was there to see it
		}
		end.Phase, end.Retry = common.ActionPhase_ACTION_PHASE_TIMED_OUT, RetryNever
		end.Error = failure(core.ExecutionError_USER, "DEADLINE_EXCEEDED", "the action's deadline passed")
	case errors.Is(cause, errQueuedTooLong):
		end.Phase, end.Retry = common.ActionPhase_ACTION_PHASE_TIMED_OUT, RetryUser
		end.Error = failure(core.ExecutionError_USER, "QUEUED_TIMEOUT_EXCEEDED", "the attempt waited for longer than its queued_timeout to run")
	default:
		end.Phase, end.Retry, end.Error = common.ActionPhase_ACTION_PHASE_ABORTED, RetryNever, nil
	}
	return end
}
