// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"time"

	"drydock/internal/failpoint"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

// Run runs the task to its end: it completes the resources, waits until there
// is room, starts the task in the sandbox, judges its end, and tries again
// where the task's policies say so.
//
// The error is nil after a success and otherwise one of the typed errors of
// this package (*OOMError, *TimeoutError, …); the Result is never nil.
// Cancelling ctx aborts the task in order (SIGTERM, the grace period,
// SIGKILL) and Run returns when everything of it is gone; the context's cause
// is kept.
func (x *Executor) Run(ctx context.Context, task Task, opts ...RunOption) (*Result, error) {
	r := x.newRun(task, opts)
	if in := r.opts.streams.Stdin; in != nil {
		r.stdin = newStdin(in)
		defer r.stdin.close()
	}
	return r.do(ctx)
}

func (x *Executor) newRun(task Task, opts []RunOption) *run {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return &run{x: x, task: task, opts: o, profile: x.profile, state: x.state,
		emitter: &emitter{consume: o.events, name: task.Name}, result: &Result{Task: task}, unlock: func() {}}
}

// run is one Run under way; one goroutine owns it.
type run struct {
	x       *Executor
	id      string
	task    Task
	opts    options
	profile resources.Profile
	sandbox sandbox.Sandbox // the task's; chosen when its image is known
	image   *pinnedImage    // what the first Prepare got; nil: none yet
	state   *state.Dir
	emitter *emitter
	stdin   *stdin // nil: empty

	result   *Result
	recorded bool   // task.json is written
	restored bool   // the result was read from ended.json
	unlock   func() // gives the task's lock back
	oomTold  bool   // this attempt's oom event is out
}

// do runs the task and tells its end, whatever happens on the way.
func (r *run) do(ctx context.Context) (*Result, error) {
	defer func() { r.unlock() }()
	if err := r.attempts(ctx); err != nil {
		r.giveUp(err)
	}
	r.finish()
	return r.result, verdictError(r.result)
}

// attempts prepares the task and runs attempts until one is final. An error
// means that there is no attempt whose verdict could be the task's.
func (r *run) attempts(ctx context.Context) error {
	ctx, stop := r.killable(ctx)
	defer stop()
	d, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	var policy retryPolicy
	for n := 1; ; n++ {
		attempt, err := r.attempt(ctx, n, d)
		if err != nil {
			return err
		}
		var next retry
		if ctx.Err() == nil {
			next = policy.decide(r, &attempt)
		}
		r.conclude(attempt)
		if next.number == 0 {
			return nil
		}
		r.emitter.emit(Event{Type: EventRetried, Retried: &Retried{
			Number: next.number, Reason: next.reason, Delay: next.delay, Resources: next.demand}})
		failpoint.At(failpoint.RetryDecided)
		if err := sleep(ctx, next.delay); err != nil {
			return err
		}
		d = next.demand
	}
}

// prepare gives the task its id and its completed resources.
func (r *run) prepare(ctx context.Context) (resources.Demand, error) {
	if err := r.configure(); err != nil {
		return resources.Demand{}, err
	}
	err := r.identify()
	if err != nil {
		return resources.Demand{}, err
	}
	if r.task, err = r.task.complete(); err != nil {
		return resources.Demand{}, err
	}
	r.result.Task = r.task
	if err := r.choose(ctx); err != nil {
		return resources.Demand{}, err
	}
	d, warnings, err := r.task.demand(r.profile)
	r.warn(warnings...)
	if err != nil {
		return d, err
	}
	_, warnings, err = r.x.capacity.need(d)
	r.warn(append(warnings, r.x.capacity.beyondHost(d)...)...)
	if err != nil {
		return d, err
	}
	w, err := r.wish(ctx, d)
	if err == nil && w.real() {
		err = checkPlatform(r.task.Image, r.task.Platform)
	}
	if err != nil {
		return d, abortedOr(ctx, err)
	}
	err = r.recordTask()
	r.recorded = err == nil
	return d, err
}

// identify gives the task its id: the caller's, or a new one.
func (r *run) identify() error {
	if r.opts.id != nil {
		return r.use(*r.opts.id)
	}
	id, err := state.NewID()
	if err != nil {
		return err
	}
	return r.use(id)
}

// use makes id the task's.
func (r *run) use(id string) error {
	if !state.ValidID(id) {
		return refuse(nil, "take one from executor.NewID", "%q is no task id", id)
	}
	r.id, r.emitter.id, r.result.ID = id, id, id
	return nil
}

// configure applies the options that replace parts of the Config.
func (r *run) configure() error {
	if r.opts.profile != nil {
		r.profile = *r.opts.profile
	}
	if r.opts.stateDir != "" {
		dir, err := state.Open(r.opts.stateDir)
		if err != nil {
			return err
		}
		r.state = dir
	}
	return nil
}

// errKilled is the cause of a WithKill that nothing else preceded.
var errKilled = errors.New("killed on request")

// killable returns a context that WithKill's channel ends as well.
func (r *run) killable(ctx context.Context) (context.Context, func()) {
	if r.opts.kill == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() { // ends with stop, which waits for it
		defer close(done)
		select {
		case <-r.opts.kill:
			cancel(errKilled)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// conclude adds an attempt, whose verdict is the task's until another comes.
func (r *run) conclude(a Attempt) {
	r.result.Attempts = append(r.result.Attempts, a)
	r.result.Verdict = a.Verdict
	r.result.Limits = enforcement(a.Outcome.Limits, a.Demand, a.Accelerators)
}

// giveUp makes err the end of the task.
func (r *run) giveUp(err error) {
	var stopped *abort
	if errors.As(err, &stopped) {
		r.result.Verdict = aborted(&evidence{opts: JudgeOptions{StoppedBy: stoppedBy(stopped.cause)}})
		r.result.Cause = stopped.cause
		return
	}
	if refused := refusal(err); refused != nil {
		r.result.Verdict = refused.verdict()
		r.result.Cause = refused
		return
	}
	r.result.Verdict = Verdict{Class: Error, Code: CodeInternal, Kind: KindSystem, Message: err.Error()}
	if errors.Is(err, ErrNeverStarted) {
		r.result.Verdict.Code = CodeNeverStarted
	}
	r.result.Cause = err
}

// finish records the end and tells it.
func (r *run) finish() {
	r.result.EndedAt = time.Now()
	r.recordEnd()
	r.tellEnd()
}

func (r *run) tellEnd() {
	r.emitter.emit(Event{Type: EventEnded, Time: r.result.EndedAt, Ended: r.result})
}

func (r *run) warn(w ...resources.Warning) {
	r.result.Warnings = append(r.result.Warnings, w...)
}

// sleep waits for d, or returns an *abort when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return abortOf(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return abortOf(ctx)
	}
}

// abort is the end of a context on the way to a task's end.
type abort struct{ cause error }

func (a *abort) Error() string { return "aborted: " + a.cause.Error() }
func (a *abort) Unwrap() error { return a.cause }

// abortOf returns an *abort when ctx has ended, and otherwise nil.
func abortOf(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return &abort{cause: context.Cause(ctx)}
}

// abortedOr is err, or an *abort where ctx has ended and so explains it.
func abortedOr(ctx context.Context, err error) error {
	if stopped := abortOf(ctx); stopped != nil {
		return stopped
	}
	return err
}

// stoppedBy says for a sentence who stopped a task; "" when nobody was named.
func stoppedBy(cause error) string {
	switch {
	case cause == nil, errors.Is(cause, context.Canceled):
		return ""
	case errors.Is(cause, context.DeadlineExceeded):
		return "the caller's deadline passed"
	default:
		return cause.Error()
	}
}
