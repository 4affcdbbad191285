// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"drydock/internal/admission"
	"drydock/internal/failpoint"
	"drydock/resources"
	"drydock/sandbox"
)

// attempt runs the task once. An error means that nothing was started, or
// that drydock itself failed.
func (r *run) attempt(ctx context.Context, n int, d resources.Demand) (Attempt, error) {
	r.emitter.begin(n)
	a, err := r.tried(ctx, n, d, false)
	if !stale(err) {
		return a, err
	}
	// A device was not there any more. What there is now decides, once.
	r.x.devices.forget()
	if err := os.RemoveAll(r.state.Attempt(r.id, n)); err != nil {
		return Attempt{}, err
	}
	return r.tried(ctx, n, d, true)
}

// tried runs attempt n, again after it could not start for want of a device.
func (r *run) tried(ctx context.Context, n int, d resources.Demand, again bool) (Attempt, error) {
	p, err := r.admit(ctx, n, d)
	if err != nil {
		return Attempt{}, err
	}
	defer failpoint.At(failpoint.ClaimReleased)
	defer r.release(p.claim, p.accelerators)
	failpoint.At(failpoint.Claimed)
	defer r.opts.loan.of(p.claim)()

	dir, err := r.state.CreateAttempt(r.id, n)
	if err != nil {
		return Attempt{}, err
	}
	failpoint.At(failpoint.AttemptDir)
	spec, err := r.spec(n, dir, d)
	if err != nil {
		return Attempt{}, err
	}
	defer removeScratch(dir)
	spec.Holds = p.claim.Holds
	r.give(&spec, p)
	a := Attempt{Number: n, Demand: d, Accelerators: p.accelerators, Dir: dir}
	judge, limits := r.judgeOptions(), r.enforcement(spec, a)
	if err := r.recordDemand(spec, a, judge, limits); err != nil {
		return Attempt{}, err
	}
	failpoint.At(failpoint.DemandRecorded)
	r.tellAdmitted(a, limits)

	unfollow := r.followDevices(dir, p.inv, p.devices)
	outcome, err := r.prepared(ctx, spec)
	unfollow()
	if e := outcome.StartError.Accelerator(); err == nil && !again && e != nil && e.Stale {
		return Attempt{}, e
	}
	if err != nil && !errors.Is(err, errFactsLost) {
		return Attempt{}, err
	}
	r.judge(ctx, &a, outcome, err, judge)
	return a, nil
}

// release gives back what an attempt had that is gone.
func (r *run) release(claim *admission.Claim, a *Accelerators) {
	r.x.devices.drain(r.id, a)
	claim.Release()
}

// prepared gets the attempt's image, runs it, and returns the facts. That the
// image is not to be had is one of them.
func (r *run) prepared(ctx context.Context, spec sandbox.Spec) (sandbox.Outcome, error) {
	ready, err := r.fetch(ctx, spec)
	if err != nil {
		return r.noImage(ctx, spec, err)
	}
	outcome, err := r.sandboxed(ctx, ready)
	if err != nil && !errors.Is(err, errFactsLost) { // the image may be gone again
		return r.noImage(ctx, spec, err)
	}
	return outcome, err
}

// enforcement says beforehand how the limits will be held, as far as the
// sandbox can tell.
func (r *run) enforcement(spec sandbox.Spec, a Attempt) []sandbox.Enforcement {
	var limits []sandbox.Enforcement
	if reporter, ok := r.sandbox.(sandbox.Reporter); ok {
		limits = reporter.Enforcement(spec)
	}
	return enforcement(limits, a.Demand, a.Accelerators)
}

func (r *run) tellAdmitted(a Attempt, limits []sandbox.Enforcement) {
	r.emitter.emit(Event{Type: EventAdmitted, Admitted: &Admitted{Resources: a.Demand, Image: r.task.Image,
		Accelerators: a.Accelerators, Limits: limits, Warnings: r.result.Warnings, Dir: a.Dir}})
}

// errFactsLost marks an attempt that ran and whose outcome is not to be had.
var errFactsLost = errors.New("read the outcome")

// sandboxed starts the attempt, follows it and returns the facts.
func (r *run) sandboxed(ctx context.Context, spec sandbox.Spec) (sandbox.Outcome, error) {
	streams, flush := r.opts.streams, func() {}
	if r.opts.output && r.opts.events != nil {
		streams, flush = withOutputEvents(streams, r.emitter.emit)
	}
	if r.stdin != nil {
		var end func()
		streams.Stdin, end = r.stdin.attempt()
		defer end()
	}
	running, err := r.sandbox.Start(ctx, spec, streams)
	if err != nil {
		return sandbox.Outcome{}, abortedOr(ctx, err)
	}
	defer flush()
	return r.accompany(ctx, running, spec.Limits, spec.Grace)
}

// accompany follows a running attempt to its end, whoever started it, and
// returns the facts.
func (r *run) accompany(ctx context.Context, running sandbox.Running, limits sandbox.Limits, grace time.Duration) (sandbox.Outcome, error) {
	stopped := r.stopWhenAsked(ctx, running, grace)
	resized := r.passResizes(running)
	r.follow(running, limits)
	outcome, err := running.Wait()
	failpoint.At(failpoint.OutcomeRead)
	stopped()
	resized()
	r.emitter.finish()
	if err != nil {
		return outcome, fmt.Errorf("%w: %w", errFactsLost, err)
	}
	return outcome, nil
}

// stopWhenAsked stops the attempt when ctx ends, and again without grace when
// WithKill says so. The function it returns ends the watch and waits for it.
func (r *run) stopWhenAsked(ctx context.Context, running sandbox.Running, grace time.Duration) func() {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with quit
		defer close(done)
		select {
		case <-quit:
			return
		case <-ctx.Done():
		}
		if errors.Is(context.Cause(ctx), errKilled) {
			grace = 0
		}
		running.Stop(sandbox.StopAbort, grace)
		select {
		case <-quit:
		case <-r.opts.kill: // nil: never
			running.Stop(sandbox.StopAbort, 0)
		}
	}()
	return func() { close(quit); <-done }
}

// passResizes tells the sandbox of WithResize's sizes until the function it
// returns is called.
func (r *run) passResizes(running sandbox.Running) func() {
	resizer, ok := running.(sandbox.Resizer)
	if !ok || r.opts.resize == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with quit
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case size := <-r.opts.resize:
				resizer.Resize(size)
			}
		}
	}()
	return func() { close(quit); <-done }
}

// follow passes on what happens until the attempt has ended.
func (r *run) follow(running sandbox.Running, limits sandbox.Limits) {
	live := liveOOM{limit: limits.Memory, goesOn: !limits.GroupKill}
	for e := range running.Events() {
		switch {
		case e.Started != nil:
			failpoint.At(failpoint.StartTold)
			live.started = e.Time
			r.emitter.emit(Event{Type: EventStarted, Time: e.Time, Started: e.Started})
		case e.Sample != nil:
			live.see(e.Sample)
			r.emitter.emit(Event{Type: EventSample, Time: e.Time, Sample: e.Sample})
		case e.OOM != nil && !r.oomTold && live.worthTelling(e.OOM):
			r.oomTold = true
			r.emitter.emit(Event{Type: EventOOM, Time: e.Time, OOM: live.report(e)})
		}
	}
}

// judge completes the attempt with its facts and their meaning.
func (r *run) judge(ctx context.Context, a *Attempt, o sandbox.Outcome, lost error, opts JudgeOptions) {
	a.Outcome, a.StartedAt, a.EndedAt = o, o.StartedAt, o.EndedAt
	if a.EndedAt.IsZero() {
		a.EndedAt = time.Now()
	}
	if ctx.Err() != nil {
		opts.StoppedBy = stoppedBy(context.Cause(ctx))
	}
	a.GPU = deviceUse(a.Dir)
	known, recorded := written(a.Dir) // by a JudgeCommand, or before a crash
	if a.Verdict = known; !recorded {
		a.Verdict = judgeIn(a.Dir, o, opts)
	}
	switch {
	case a.Verdict.Class == Aborted:
		r.result.Cause = context.Cause(ctx)
	case lost != nil:
		r.result.Cause = lost
	default:
		r.result.Cause = nil
	}
	if lost != nil && a.Verdict.Class != Unknown { // the facts are there all the same
		r.warn(resources.Warning{Field: "clean-up", Code: codeLeftBehind,
			Text: fmt.Sprintf("not all that attempt %d left could be removed: %s; `drydock doctor --clean` tries again", a.Number, lostReason(lost))})
	}
	if a.Verdict.OOM != nil && !r.oomTold {
		r.emitter.emit(Event{Type: EventOOM, OOM: a.Verdict.OOM})
	}
	r.oomTold = false // the next attempt has its own
	failpoint.At(failpoint.Judged)
	if !recorded {
		r.recordVerdict(*a)
	}
}

// lostReason is the sandbox's own error.
func lostReason(err error) string {
	return strings.TrimPrefix(err.Error(), errFactsLost.Error()+": ")
}

// judgeOptions are written down beside the demand, so that whoever reads the
// outcome later judges alike.
func (r *run) judgeOptions() JudgeOptions {
	return JudgeOptions{
		ChildOOM: r.task.ChildOOM, Timeout: r.task.Timeout, Program: r.task.program(),
		Asked: r.task.Resources, MaxMemory: r.mostMemory(),
	}
}

// mostMemory is the largest memory limit that makes sense here: what the
// machine can back, or what the profile clamps to.
func (r *run) mostMemory() int64 {
	most := r.x.capacity.Memory
	if clamp := bytesOf(r.profile.Limits.Memory); clamp > 0 {
		most = min(most, clamp)
	}
	return most
}

// liveOOM gathers what is known when an OOM is seen, before its verdict.
type liveOOM struct {
	goesOn  bool // the attempt outlives its first victim
	limit   int64
	peak    int64
	started time.Time
	last    *sandbox.Breakdown
}

// worthTelling reports whether to tell an OOM now. With a group kill the end
// follows at once, and the verdict knows all about it; without one the attempt
// may go on for hours, but half a report (whose victim?) would mislead.
func (l *liveOOM) worthTelling(e *sandbox.OOMEvent) bool { return l.goesOn && e.Victim != nil }

func (l *liveOOM) see(s *sandbox.Sample) {
	l.peak = max(l.peak, s.Memory)
	if s.Breakdown != nil {
		l.last = s.Breakdown
	}
}

func (l *liveOOM) report(e sandbox.Event) *OOMReport {
	r := &OOMReport{Limit: l.limit, Peak: l.peak, Victim: e.OOM.Victim, Kills: e.OOM.Kills}
	if r.Victim != nil {
		r.Main = r.Victim.Main
	}
	if l.last != nil {
		r.Anon, r.File, r.Shmem, r.Kernel = l.last.Anon, l.last.File, l.last.Shmem, l.last.Kernel
	}
	if !l.started.IsZero() {
		r.After = e.Time.Sub(l.started)
		r.Seconds = r.After.Seconds()
	}
	return r
}
