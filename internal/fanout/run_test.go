// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/sandbox"
)

// counted are n tasks whose names are their numbers.
type counted int

func (c counted) Len() int { return int(c) }

func (c counted) Task(i int) (executor.Task, error) {
	return executor.Task{Name: fmt.Sprint(i)}, nil
}

// machine runs tasks of a second each, or so, as many at a time as it has room for.
type machine struct {
	room  chan struct{}
	class func(executor.Task) executor.Class // of a task's end
	lasts func(executor.Task) time.Duration

	mu                  sync.Mutex // guards what follows
	inside, most        int        // handed in: now, at most
	entering, enterMost int        // not in the queue yet
	running, runMost    int
}

func newMachine(room int, class func(executor.Task) executor.Class) *machine {
	return &machine{room: make(chan struct{}, room), class: class, lasts: func(executor.Task) time.Duration { return time.Second }}
}

func (m *machine) run(ctx context.Context, t executor.Task, tell func(executor.Event)) *executor.Result {
	m.count(&m.inside, &m.most, 1)
	defer m.count(&m.inside, &m.most, -1)
	r := &executor.Result{ID: "id" + t.Name, Task: t}
	m.count(&m.entering, &m.enterMost, 1)
	time.Sleep(time.Microsecond)
	m.count(&m.entering, &m.enterMost, -1)
	tell(executor.Event{Type: executor.EventQueued, Queued: &executor.Queued{Waiting: "no room"}})
	select {
	case m.room <- struct{}{}:
		defer func() { <-m.room }()
	case <-ctx.Done():
		r.Verdict.Class = executor.Aborted
		return r
	}
	tell(executor.Event{Type: executor.EventAdmitted, Admitted: &executor.Admitted{}})
	m.count(&m.running, &m.runMost, 1)
	defer m.count(&m.running, &m.runMost, -1)
	r.Attempts = []executor.Attempt{{Number: 1}}
	select {
	case <-time.After(m.lasts(t)):
		r.Verdict = executor.Verdict{Class: m.class(t), Message: "it ended"}
		r.Attempts[0].Outcome.Exit = &sandbox.Exit{Code: 3}
	case <-ctx.Done():
		r.Verdict.Class, r.Cause = executor.Aborted, context.Cause(ctx)
	}
	return r
}

func (m *machine) count(now, most *int, by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*now += by
	*most = max(*most, *now)
}

func always(c executor.Class) func(executor.Task) executor.Class {
	return func(executor.Task) executor.Class { return c }
}

func failing(names ...string) func(executor.Task) executor.Class {
	return func(t executor.Task) executor.Class {
		for _, n := range names {
			if n == t.Name {
				return executor.Failed
			}
		}
		return executor.Succeeded
	}
}

// checked are options that look whether every count adds up.
func checked(t *testing.T, m *machine) Options {
	return Options{Run: m.run, Ended: func(*executor.Result) {}, Changed: func(c Tally) {
		if c.Queued+c.Running+c.Done() != c.Total || c.Running < 0 || c.Queued < 0 {
			t.Errorf("the counts do not add up: %+v", c)
		}
	}}
}

// However many there are, few are handed in.
func TestRunBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(3, always(executor.Succeeded))
		begun := time.Now()
		s := Run(t.Context(), counted(1000), checked(t, m))
		if s.Succeeded != 1000 || s.ExitCode() != 0 || s.Queued+s.Running+s.Failed+s.Stopped+s.Unstarted != 0 {
			t.Errorf("%+v", s)
		}
		if m.enterMost != 1 {
			t.Errorf("%d came to the queue at a time: their order is by chance", m.enterMost)
		}
		if m.most > ahead+2*3 || m.runMost != 3 {
			t.Errorf("%d were handed in at a time, %d ran", m.most, m.runMost)
		}
		if took := time.Since(begun); took.Round(time.Second) != 334*time.Second {
			t.Errorf("the machine was not always full: %v", took)
		}
	})
}

func TestRunMaxParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(50, always(executor.Succeeded))
		o := checked(t, m)
		o.MaxParallel = 2
		if s := Run(t.Context(), counted(20), o); s.Succeeded != 20 || m.most != 2 {
			t.Errorf("%d at a time: %+v", m.most, s)
		}
	})
}

// Failures do not end the others, unless somebody said so.
func TestRunFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			most int
			want Tally
			code int
		}{
			{0, Tally{Total: 40, Succeeded: 37, Failed: 3}, 3},
			{9, Tally{Total: 40, Succeeded: 37, Failed: 3}, 3},
			{2, Tally{Total: 40, Succeeded: 10, Failed: 2, Unstarted: 28}, 3},
		} {
			m := newMachine(1, failing("1", "11", "30"))
			o := checked(t, m)
			o.MaxFailures, o.MaxParallel = tc.most, 1
			s := Run(t.Context(), counted(40), o)
			if diff := cmp.Diff(tc.want, s.Tally); diff != "" {
				t.Errorf("at most %d: %s", tc.most, diff)
			}
			if s.ExitCode() != tc.code || len(s.Failures) != s.Failed || s.Failures[0].Name != "1" || s.Failures[0].ID != "id1" {
				t.Errorf("at most %d: exit %d, %+v", tc.most, s.ExitCode(), s.Failures)
			}
			if _, capped := errors.AsType[*TooManyFailedError](s.Cause); capped != (tc.most == 2) {
				t.Errorf("at most %d: ended by %v", tc.most, s.Cause)
			}
		}
	})
}

// Those that run when too many failed are stopped and are no failures.
func TestRunStopsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(ahead, failing("0"))
		m.lasts = func(t executor.Task) time.Duration {
			if t.Name == "0" {
				return time.Second
			}
			return time.Hour
		}
		o := checked(t, m)
		o.MaxFailures, o.MaxParallel = 1, ahead
		s := Run(t.Context(), counted(100), o)
		if s.Failed != 1 || s.Stopped != ahead-1 || s.Unstarted != 100-ahead {
			t.Errorf("%+v", s.Tally)
		}
	})
}

// A signal stops what runs, and nothing more starts.
func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(2, always(executor.Succeeded))
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1500*time.Millisecond, func() { cancel(executor.SignalCause{Signal: "SIGINT"}) })
		var told []string
		o := checked(t, m)
		o.Ended = func(r *executor.Result) { told = append(told, r.ID) }
		s := Run(ctx, counted(100), o)
		if diff := cmp.Diff(Tally{Total: 100, Succeeded: 2, Stopped: 2, Unstarted: 96}, s.Tally, cmp.FilterPath(waitingField, cmp.Ignore())); diff != "" {
			t.Error(diff)
		}
		if s.ExitCode() != executor.ExitInterrupt || len(told) != 4+ahead {
			t.Errorf("exit %d, %d were told of", s.ExitCode(), len(told))
		}
	})
}

func waitingField(p cmp.Path) bool { return p.String() == "Waiting" }

// A task that waits for its next attempt takes nobody's place.
func TestRunPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1, always(executor.Succeeded))
		o := checked(t, m)
		var succeeded atomic.Int32
		var others sync.Once
		o.Ended = func(*executor.Result) { succeeded.Add(1) }
		o.Run = func(ctx context.Context, task executor.Task, tell func(executor.Event)) *executor.Result {
			if task.Name < "3" { // 0, 1, 2 and 10 to 29
				tell(executor.Event{Type: executor.EventAdmitted})
				tell(executor.Event{Type: executor.EventRetried})
				time.Sleep(time.Hour)
				others.Do(func() {
					if n := succeeded.Load(); n != 27 {
						t.Errorf("%d others ended in an hour", n)
					}
				})
			}
			return m.run(ctx, task, tell)
		}
		if s := Run(t.Context(), counted(50), o); s.Succeeded != 50 {
			t.Errorf("%+v", s)
		}
	})
}

// The exit code is the failures' where they agree.
func TestExitCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			classes []executor.Class
			code    int
		}{
			{[]executor.Class{executor.Succeeded, executor.Succeeded}, 0},
			{[]executor.Class{executor.OOM, executor.Succeeded, executor.OOM}, executor.ExitOOM},
			{[]executor.Class{executor.Refused}, executor.ExitFailure},
			{[]executor.Class{executor.Timeout, executor.OOM}, ExitMixed},
			{[]executor.Class{executor.Aborted}, executor.ExitTerminate}, // drydock stop
		} {
			m := newMachine(9, func(t executor.Task) executor.Class { return tc.classes[t.Name[0]-'0'] })
			if s := Run(t.Context(), counted(len(tc.classes)), checked(t, m)); s.ExitCode() != tc.code {
				t.Errorf("%v: %d, want %d", tc.classes, s.ExitCode(), tc.code)
			}
		}
	})
}
