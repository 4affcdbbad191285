// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/sandbox"
)

const (
	queued    = common.ActionPhase_ACTION_PHASE_QUEUED
	waiting   = common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES
	running   = common.ActionPhase_ACTION_PHASE_RUNNING
	paused    = common.ActionPhase_ACTION_PHASE_PAUSED
	succeeded = common.ActionPhase_ACTION_PHASE_SUCCEEDED
	failed    = common.ActionPhase_ACTION_PHASE_FAILED
	aborted   = common.ActionPhase_ACTION_PHASE_ABORTED
	timedOut  = common.ActionPhase_ACTION_PHASE_TIMED_OUT
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// story makes events of one run; each step is an action's next state.
type story struct {
	run      *engine.Run
	revision uint64
	events   []engine.Event
}

func newStory() *story {
	return &story{run: &engine.Run{ID: engine.RunID{Project: "p", Domain: "d", Name: "r"}, Created: noon}}
}

// task tells that an action has these attempts, the last in the given phase.
func (s *story) task(name, parent string, phase common.ActionPhase, attempts int, change func(*engine.Event)) {
	s.revision++
	a := &engine.Action{ID: engine.ActionID{Run: s.run.ID, Name: name}, Parent: parent, Created: noon, Revision: s.revision,
		Task: &workflow.TaskAction{Spec: taskSpec("task-" + name)}, State: engine.State{Phase: phase}}
	for n := 1; n <= attempts; n++ {
		at := engine.Attempt{Number: n, TaskID: fmt.Sprintf("%s-%d", name, n), Phase: failed, Started: noon, Ended: noon.Add(time.Second)}
		if n == attempts {
			at.Phase, at.Ended = phase, time.Time{}
		}
		a.Attempts = append(a.Attempts, at)
	}
	if a.Done() {
		a.Ended = noon.Add(2 * time.Second)
	}
	e := engine.Event{Run: s.run, Action: a}
	if change != nil {
		change(&e)
	}
	s.events = append(s.events, e)
}

func (s *story) told() []News {
	r := newReporter(func() time.Time { return noon }, func(string) *executor.EndedAttempt { return nil })
	var all []News
	for _, e := range s.events {
		all = append(all, r.tell(e)...)
	}
	return all
}

// brief is news in a few words.
func brief(news []News) []string {
	var lines []string
	for _, n := range news {
		line := string(n.Type)
		if n.Action != "" {
			line += " " + n.Action
		}
		if n.Attempt > 0 {
			line += fmt.Sprintf("#%d", n.Attempt)
		}
		for _, word := range []string{n.Waiting, string(n.Verdict), n.Code} {
			if word != "" {
				line += " " + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestReporter(t *testing.T) {
	oom := &core.ExecutionError{Code: "OOMKilled", Message: "m"}
	for name, tc := range map[string]struct {
		tell func(*story)
		want []string
	}{
		"one task": {func(s *story) {
			s.task("a0", "", queued, 1, nil)
			s.task("a0", "", running, 1, nil)
			s.task("a0", "", running, 1, nil) // nothing new
			s.task("a0", "", succeeded, 1, nil)
		}, []string{"created", "queued a0", "started a0#1", "ended a0#1 succeeded", "finished succeeded"}},
		"no room": {func(s *story) {
			s.task("a0", "", queued, 1, nil)
			wait := func(why string) func(*engine.Event) {
				return func(e *engine.Event) { e.Action.Last().Waiting = why }
			}
			s.task("a0", "", waiting, 1, wait("memory"))
			s.task("a0", "", waiting, 1, wait("memory"))
			s.task("a0", "", waiting, 1, wait("cpu"))
			s.task("a0", "", running, 1, nil)
		}, []string{"created", "queued a0", "queued a0#1 memory", "queued a0#1 cpu", "started a0#1"}},
		"a retry": {func(s *story) {
			s.task("a0", "", queued, 1, nil)
			s.task("a0", "", running, 1, nil)
			s.task("a0", "", queued, 2, func(e *engine.Event) {
				e.Action.Attempts[0].Error = oom
				e.End = &engine.End{Result: oomResult()}
			})
			s.task("a0", "", running, 2, nil)
			s.task("a0", "", failed, 2, func(e *engine.Event) { e.Action.Error = oom })
		}, []string{"created", "queued a0", "started a0#1", "retried a0#1 oom OOMKilled", "started a0#2", "ended a0#2 oom OOMKilled", "finished oom OOMKilled"}},
		"a child that its parent survives": {func(s *story) {
			s.task("a0", "", queued, 1, nil)
			s.task("a0", "", running, 1, nil)
			s.task("c", "a0", queued, 1, nil)
			s.task("c", "a0", failed, 1, func(e *engine.Event) { e.Action.Error = oom })
			s.task("a0", "", succeeded, 1, nil)
		}, []string{"created", "queued a0", "started a0#1", "queued c", "ended c#1 oom OOMKilled", "ended a0#1 succeeded", "finished succeeded"}},
		"aborted, and the sandboxes end later": {func(s *story) {
			s.task("a0", "", queued, 1, nil)
			s.task("c", "a0", queued, 1, nil)
			s.task("c", "a0", aborted, 1, nil)
			s.task("a0", "", aborted, 1, nil)
			s.task("c", "a0", aborted, 1, func(e *engine.Event) { e.End = &engine.End{} })
			s.task("a0", "", aborted, 1, func(e *engine.Event) { e.End = &engine.End{} })
		}, []string{"created", "queued a0", "queued c", "ended c#1 aborted", "ended a0#1 aborted", "finished aborted"}},
		"from the cache at once": {func(s *story) {
			s.task("a0", "", succeeded, 0, func(e *engine.Event) { e.Action.CacheStatus = core.CatalogCacheStatus_CACHE_HIT })
		}, []string{"created", "queued a0", "ended a0 succeeded", "finished succeeded"}},
		"timed out": {func(s *story) {
			s.task("a0", "", timedOut, 1, nil)
		}, []string{"created", "queued a0", "ended a0#1 timeout", "finished timeout"}},
		"a condition": {func(s *story) {
			s.task("a0", "", running, 1, nil)
			cond := func(e *engine.Event) { e.Action.Task, e.Action.Condition = nil, &workflow.ConditionAction{Name: "ok?"} }
			s.task("c", "a0", paused, 0, cond)
			s.task("c", "a0", succeeded, 0, cond)
		}, []string{"created", "queued a0", "started a0#1", "paused c", "ended c succeeded"}},
		"an old state after a new one": {func(s *story) {
			s.task("a0", "", queued, 1, nil)
			s.task("a0", "", running, 1, nil)
			old := s.events[0]
			s.events = append(s.events, old)
		}, []string{"created", "queued a0", "started a0#1"}},
		"samples, not all of them": {func(s *story) {
			s.task("a0", "", running, 1, func(e *engine.Event) { e.Progress = &engine.Progress{Memory: 5} })
			for i := range 10 {
				s.task("a0", "", running, 1, func(e *engine.Event) {
					e.Progress = &engine.Progress{Sample: &sandbox.Sample{Time: noon.Add(time.Duration(i) * 50 * time.Millisecond)}}
				})
			}
		}, []string{"created", "queued a0", "started a0#1", "sample a0#1", "sample a0#1", "sample a0#1"}},
		"nothing to tell of": {func(s *story) { s.events = append(s.events, engine.Event{}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			tc.tell(s)
			if diff := cmp.Diff(tc.want, brief(s.told())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The evidence of an end comes with it, once.
func TestReporterEvidence(t *testing.T) {
	s := newStory()
	s.task("a0", "", running, 1, func(e *engine.Event) { e.Progress = &engine.Progress{Memory: 64 << 20} })
	s.task("a0", "", failed, 1, func(e *engine.Event) {
		e.Action.Error = &core.ExecutionError{Code: "OOMKilled"}
		e.End = &engine.End{Result: oomResult()}
	})
	news := s.told()
	ended := news[len(news)-2]
	if ended.Type != NewsEnded || len(ended.Attempts) != 1 || ended.Attempts[0].OOM == nil || ended.MemoryLimit != 64<<20 || ended.TaskID != "a0-1" {
		t.Errorf("%+v", ended)
	}
	if code := news[len(news)-1].ExitCode; code == nil || *code != 137 {
		t.Errorf("exit code %v", code)
	}
}

func TestExitCodes(t *testing.T) {
	for class, want := range map[executor.Class]int{executor.Succeeded: 0, executor.Failed: 1, executor.OOM: 137, executor.Timeout: 124, executor.Aborted: 130, executor.Unknown: 125} {
		if got := ExitCode(class); got != want {
			t.Errorf("%s: %d, want %d", class, got, want)
		}
	}
}

// A reader that does not read costs bounded memory, and keeps what is newest.
func TestMailbox(t *testing.T) {
	h := newHub()
	box, cancel := h.subscribe()
	defer cancel()
	sample := engine.Event{Progress: &engine.Progress{Sample: &sandbox.Sample{}}}
	for range maxUnread {
		h.tell(sample)
	}
	if n := len(box.events); n != maxUnread/2 {
		t.Errorf("%d samples are kept", n)
	}
	for i := range 2 * maxUnread {
		h.tell(engine.Event{Action: &engine.Action{Revision: uint64(i)}})
	}
	events, more := box.take(context.Background())
	if !more || len(events) > maxUnread || len(events) < maxUnread/2 || events[len(events)-1].Action.Revision != 2*maxUnread-1 {
		t.Errorf("%d events, %v", len(events), more)
	}
	h.tell(engine.Event{})
	h.close()
	if events, more := box.take(context.Background()); !more || len(events) != 1 {
		t.Error("what was told before the end is lost")
	}
	if _, more := box.take(context.Background()); more {
		t.Error("there is more after the end")
	}
	late, cancelLate := h.subscribe()
	defer cancelLate()
	if _, more := late.take(context.Background()); more {
		t.Error("a late reader waits for ever")
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	open, cancelOpen := newHub().subscribe()
	defer cancelOpen()
	if _, more := open.take(ctx); more {
		t.Error("a reader that went away gets more")
	}
}
