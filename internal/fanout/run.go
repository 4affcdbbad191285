// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"fmt"

	"drydock/executor"
)

// Tasks are what is to run. Task is called once for each, from one goroutine,
// shortly before it is handed in.
type Tasks interface {
	Len() int
	Task(i int) (executor.Task, error)
}

// Runner runs one task to its end: an Executor's Run, with what the caller
// wants of it. It passes every event on to tell.
type Runner func(ctx context.Context, t executor.Task, tell func(executor.Event)) *executor.Result

// Options say how a fan-out is run. Its functions are called one at a time.
type Options struct {
	Run         Runner
	MaxParallel int // tasks under way at a time; 0: as many as there is room for
	MaxFailures int // end everything after so many failures; 0: never
	// Changed is told of every change of the counts.
	Changed func(Tally)
	// Ended is told of every task that was handed in, at its end.
	Ended func(*executor.Result)
}

// ahead is how many tasks wait for room at a time, handed in and prepared, so
// that one begins at once when another ends. The rest are numbers.
const ahead = 8

// maxPaused bounds the tasks that wait for their next attempt: each is a
// goroutine and an open lock.
const maxPaused = 256

// TooManyFailedError is the cause that ends what still runs.
type TooManyFailedError struct{ Failed int }

func (e *TooManyFailedError) Error() string {
	return fmt.Sprintf("%d of the tasks beside it failed (--max-failures)", e.Failed)
}

// Run runs all the tasks and returns when none is left. When ctx ends, those
// that run are stopped as Executor.Run does, and the others never start.
func Run(ctx context.Context, tasks Tasks, o Options) *Summary {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := &fan{tasks: tasks, opts: o, news: make(chan news), cancel: cancel,
		summary: &Summary{Verdicts: map[executor.Class]int{}, codes: map[int]bool{}}}
	f.summary.Total, f.summary.Queued = tasks.Len(), tasks.Len()
	f.run(ctx)
	return f.summary
}

// phase is where a task that was handed in is.
type phase int

const (
	entering phase = iota // until it stands in the queue, or needs not
	waiting               // for room
	running
	paused // until its next attempt
	ended
	phases // how many there are
)

// news is what a task's goroutine tells the one that owns the counts.
type news struct {
	from, to phase
	reason   string           // what it waits for
	result   *executor.Result // ended
}

// fan is one Run under way; one goroutine owns it.
type fan struct {
	tasks   Tasks
	opts    Options
	news    chan news
	cancel  context.CancelCauseFunc
	next    int // to hand in
	in      [phases]int
	summary *Summary
}

func (f *fan) run(ctx context.Context) {
	f.changed()
	for {
		f.handIn(ctx)
		if f.in[entering]+f.in[waiting]+f.in[running]+f.in[paused] == 0 {
			break
		}
		f.hear(ctx, <-f.news)
		f.changed()
	}
	s := f.summary
	s.Unstarted += s.Total - f.next
	s.Queued = 0
	if s.Stopped+s.Unstarted > 0 {
		s.Cause = context.Cause(ctx)
	}
	f.changed()
}

// handIn starts as many as may wait for room, one after the other, so that
// they begin in order.
func (f *fan) handIn(ctx context.Context) {
	for ctx.Err() == nil && f.next < f.summary.Total && f.mayWait() {
		task, err := f.tasks.Task(f.next)
		f.next++
		if err != nil { // it was in order when all were checked
			r, _ := executor.NotStarted(err)
			r.Task = task
			f.end(ctx, r)
			continue
		}
		f.in[entering]++
		go f.one(ctx, task) // hear waits for its end
	}
}

func (f *fan) mayWait() bool {
	under := f.in[waiting] + f.in[running]
	return f.in[entering] == 0 && f.in[waiting] < ahead && f.in[paused] < maxPaused && (f.opts.MaxParallel == 0 || under < f.opts.MaxParallel)
}

// one runs a task and tells what happens to it.
func (f *fan) one(ctx context.Context, t executor.Task) {
	at := entering
	move := func(to phase, reason string, r *executor.Result) {
		f.news <- news{at, to, reason, r}
		at = to
	}
	r := f.opts.Run(ctx, t, func(e executor.Event) {
		switch {
		case e.Type == executor.EventQueued && (at != waiting || e.Queued.Waiting != ""):
			move(waiting, e.Queued.Waiting, nil)
		case e.Type == executor.EventAdmitted:
			move(running, "", nil)
		case e.Type == executor.EventRetried:
			move(paused, "", nil)
		}
	})
	move(ended, "", r)
}

func (f *fan) hear(ctx context.Context, n news) {
	f.in[n.from]--
	f.in[n.to]++
	if n.reason != "" || f.in[waiting] == 0 || n.to == running {
		f.summary.Waiting = n.reason
	}
	if n.to == ended {
		f.end(ctx, n.result)
	}
}

// end counts a task, and ends them all when too many failed.
func (f *fan) end(ctx context.Context, r *executor.Result) {
	f.summary.count(ctx, r)
	f.opts.Ended(r)
	if most := f.opts.MaxFailures; most > 0 && f.summary.Failed >= most && ctx.Err() == nil {
		f.cancel(&TooManyFailedError{f.summary.Failed})
	}
}

func (f *fan) changed() {
	s := f.summary
	s.Running = f.in[running]
	s.Queued = max(0, s.Total-s.Running-s.Done())
	f.opts.Changed(s.Tally)
}
