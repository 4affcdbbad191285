// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"slices"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
)

// reporter makes news of the engine's events: it knows what was told already.
// It belongs to one goroutine.
type reporter struct {
	now  func() time.Time
	find func(taskID string) *executor.EndedAttempt // how an attempt ended of whose end nobody told; nil: not known
	runs map[engine.RunID]*told
	over []engine.RunID // the last ones whose end was told, oldest first
}

// remembered is how many ended runs a reporter keeps in mind: of an aborted
// one, the ends of attempts come after its own.
const remembered = 256

// sampleEvery is the least time between two samples of an attempt that are
// told: the executor takes more at first, to find short peaks.
const sampleEvery = 200 * time.Millisecond

// told is what is known of a run by whoever reads the news.
type told struct {
	actions map[string]*toldAction
}

type toldAction struct {
	revision uint64
	phase    common.ActionPhase
	attempt  int // number of the last one
	waiting  string
	started  int // number of the last one whose start was told
	limit    int64
	sampled  time.Time // when the last sample that was told was taken
	done     bool
	last     *executor.EndedAttempt // of the attempt that ended last
}

func newReporter(now func() time.Time, find func(taskID string) *executor.EndedAttempt) *reporter {
	return &reporter{now: now, find: find, runs: map[engine.RunID]*told{}}
}

// tell returns what an event has of news.
func (r *reporter) tell(e engine.Event) []News {
	if e.Action == nil || e.Run == nil {
		return nil
	}
	var news []News
	run := r.runs[e.Run.ID]
	if run == nil {
		if slices.Contains(r.over, e.Run.ID) {
			return nil
		}
		run = &told{actions: map[string]*toldAction{}}
		r.runs[e.Run.ID] = run
	}
	a := run.actions[e.Action.ID.Name]
	if a == nil {
		a = &toldAction{}
		run.actions[e.Action.ID.Name] = a
		news = append(news, r.begun(e)...)
	}
	if a.done {
		return nil
	}
	if e.End != nil && e.End.Result != nil {
		a.ended(e.End.Result)
	}
	if e.Progress != nil {
		news = append(news, r.progress(a, e)...)
	}
	news = append(news, r.changed(a, e)...)
	if a.done && e.Action.Parent == "" {
		news = append(news, finished(e))
		r.forget(e.Run.ID)
	}
	for i := range news {
		news[i].Time = r.now().UTC()
	}
	return news
}

// begun tells of an action that nobody has heard of, and of its run.
func (r *reporter) begun(e engine.Event) []News {
	var news []News
	if e.Action.Parent == "" {
		n := newsOfRun(NewsCreated, e.Run.ID)
		n.Name = newsOf(NewsCreated, e.Action).Name
		news = append(news, n)
	}
	if e.Action.Condition == nil {
		n := newsOf(NewsQueued, e.Action)
		n.Attempt, n.TaskID, n.Sandbox, n.Image = 0, "", "", ""
		news = append(news, n)
	}
	return news
}

// changed tells what is new in an action's record.
func (r *reporter) changed(a *toldAction, e engine.Event) []News {
	act := e.Action
	if act.Revision < a.revision {
		return nil
	}
	a.revision = act.Revision
	var news []News
	last := act.Last()
	if last != nil && last.Number > a.attempt {
		if a.attempt > 0 {
			news = append(news, r.retried(a, act))
			a.waiting, a.limit = "", 0
		}
		a.attempt = last.Number
	}
	switch {
	case act.Done():
		a.done = true
		return append(news, r.end(a, act))
	case act.Phase == common.ActionPhase_ACTION_PHASE_PAUSED && a.phase != act.Phase:
		news = append(news, newsOf(NewsPaused, act))
	case last == nil:
	case waits(act.Phase) && last.Waiting != "" && last.Waiting != a.waiting:
		a.waiting = last.Waiting
		n := newsOf(NewsQueued, act)
		n.Waiting = last.Waiting
		news = append(news, n)
	case act.Phase == common.ActionPhase_ACTION_PHASE_RUNNING && a.started < last.Number:
		a.started = last.Number
		n := newsOf(NewsStarted, act)
		n.MemoryLimit, n.Limits, n.Notes = a.limit, last.Limits, last.Notes
		news = append(news, n)
	}
	a.phase = act.Phase
	return news
}

// waits reports whether an attempt in this phase may wait for something: room,
// or its image.
func waits(p common.ActionPhase) bool {
	return p == common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES || p == common.ActionPhase_ACTION_PHASE_INITIALIZING
}

// progress tells what is in no record.
func (r *reporter) progress(a *toldAction, e engine.Event) []News {
	p := e.Progress
	if p.Memory > 0 {
		a.limit = p.Memory
	}
	var news []News
	if p.Sample != nil && p.Sample.Time.Sub(a.sampled) >= sampleEvery {
		a.sampled = p.Sample.Time
		n := newsOf(NewsSample, e.Action)
		n.Sample, n.MemoryLimit = sampleNews(p.Sample), a.limit
		news = append(news, n)
	}
	if p.OOM != nil {
		n := newsOf(NewsOOM, e.Action)
		n.OOM = p.OOM
		news = append(news, n)
	}
	return news
}

// ended keeps how the attempt's last try ended.
func (a *toldAction) ended(r *executor.Result) {
	if all := r.Document().Attempts; len(all) > 0 {
		a.last = &all[len(all)-1]
	}
}

// retried tells of the attempt before the last one.
func (r *reporter) retried(a *toldAction, act *engine.Action) News {
	n := newsOf(NewsRetried, act)
	for i := range act.Attempts {
		if before := &act.Attempts[i]; before.Number == a.attempt {
			n.Attempt, n.TaskID, n.Sandbox, n.Image = before.Number, before.TaskID, before.Sandbox, before.Image
			n.Verdict = VerdictOf(before.Phase, before.Error)
			n.Code, n.Message = before.Error.GetCode(), before.Error.GetMessage()
			n.Seconds = seconds(before.Started, before.Ended)
		}
	}
	n.Attempts = r.evidence(a, n.TaskID)
	return n
}

func (r *reporter) end(a *toldAction, act *engine.Action) News {
	n := newsOf(NewsEnded, act)
	n.outcome(act)
	n.Cached = act.CacheStatus == core.CatalogCacheStatus_CACHE_HIT
	n.Seconds = seconds(act.Created, act.Ended)
	if last := act.Last(); last != nil && !last.Started.IsZero() {
		n.Seconds = seconds(last.Started, act.Ended)
	}
	n.Attempts, n.MemoryLimit = r.evidence(a, n.TaskID), a.limit
	return n
}

// evidence is how an attempt ended, for the news of that.
func (r *reporter) evidence(a *toldAction, taskID string) []executor.EndedAttempt {
	last := a.last
	a.last = nil
	if last == nil && taskID != "" {
		last = r.find(taskID)
	}
	if last == nil {
		return nil
	}
	return []executor.EndedAttempt{*last}
}

func (r *reporter) forget(id engine.RunID) {
	delete(r.runs, id)
	r.over = append(r.over, id)
	if len(r.over) > remembered {
		r.over = r.over[1:]
	}
}

// finished tells of a run whose root action is done.
func finished(e engine.Event) News {
	n := newsOfRun(NewsOver, e.Run.ID)
	n.Name = newsOf(NewsOver, e.Action).Name
	n.outcome(e.Action)
	n.Seconds = seconds(e.Run.Created, e.Action.Ended)
	code := ExitCode(n.Verdict)
	n.ExitCode = &code
	return n
}

func (n *News) outcome(a *engine.Action) {
	n.Verdict, n.Code, n.Message = VerdictOf(a.Phase, a.Error), a.Error.GetCode(), a.Error.GetMessage()
	if n.Verdict == executor.Aborted {
		n.Message = a.AbortReason
	}
}

func seconds(from, to time.Time) float64 {
	if from.IsZero() || to.Before(from) {
		return 0
	}
	return to.Sub(from).Seconds()
}
