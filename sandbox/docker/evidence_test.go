// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
)

// fakeEngine says what it was told to.
type fakeEngine struct {
	state   engine.State
	err     error
	looks   int
	late    int // looks before the flag is set
	running int // looks before it knows of the end
	stats   []engine.Stats
}

func (f *fakeEngine) Inspect(context.Context, string) (engine.State, error) {
	f.looks++
	state := f.state
	state.Running = f.looks <= f.running
	state.OOMKilled = state.OOMKilled && f.looks > f.late
	return state, f.err
}

func (f *fakeEngine) Events(context.Context, string, time.Time) (*engine.Watch, error) {
	return nil, errors.New("none")
}

func (f *fakeEngine) StatsStream(ctx context.Context, _ string, see func(engine.Stats)) error {
	for _, s := range f.stats {
		see(s)
	}
	<-ctx.Done()
	return nil
}

var (
	killed  = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
	aborted = []sandbox.Stop{{Reason: sandbox.StopAbort, Signal: "SIGKILL"}}
)

// An OOM is told by the engine's flag or event, else by a SIGKILL of nobody's
// at the limit; never by a SIGKILL alone.
func TestEvidence(t *testing.T) {
	const limit = 100 << 20
	full := &engine.Stats{Memory: limit - limit/100}
	for name, tc := range map[string]struct {
		engine  fakeEngine
		last    *engine.Stats
		events  int64
		outcome sandbox.Outcome
		want    *sandbox.Counters
	}{
		"the flag":              {engine: fakeEngine{state: engine.State{OOMKilled: true}}, outcome: sandbox.Outcome{Exit: killed}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}},
		"the flag, late":        {engine: fakeEngine{state: engine.State{OOMKilled: true}, late: 3}, outcome: sandbox.Outcome{Exit: killed}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}},
		"the event alone":       {events: 1, outcome: sandbox.Outcome{Exit: &sandbox.Exit{}}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}},
		"a child's":             {engine: fakeEngine{state: engine.State{OOMKilled: true}}, outcome: sandbox.Outcome{Exit: &sandbox.Exit{}}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}},
		"a child's, late":       {engine: fakeEngine{state: engine.State{OOMKilled: true}, late: 3}, outcome: sandbox.Outcome{Exit: &sandbox.Exit{}}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}},
		"killed at its limit":   {last: full, outcome: sandbox.Outcome{Exit: killed}, want: &sandbox.Counters{Evidence: sandbox.EvidenceSample, OOMKill: 1}},
		"killed elsewhere":      {last: &engine.Stats{Memory: limit / 2}, outcome: sandbox.Outcome{Exit: killed}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine}},
		"killed by us, full":    {last: full, outcome: sandbox.Outcome{Exit: killed, Stops: aborted}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine}},
		"full, and well":        {last: full, outcome: sandbox.Outcome{Exit: &sandbox.Exit{}}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine}},
		"killed, nothing known": {engine: fakeEngine{err: errors.New("gone")}, outcome: sandbox.Outcome{Exit: killed}},
		"gone, but at its limit": {engine: fakeEngine{err: errors.New("gone")}, last: full, outcome: sandbox.Outcome{Exit: killed},
			want: &sandbox.Counters{Evidence: sandbox.EvidenceSample, OOMKill: 1}},
		"it hears of the end late": {engine: fakeEngine{running: 3}, outcome: sandbox.Outcome{Exit: killed}, want: &sandbox.Counters{Evidence: sandbox.EvidenceEngine}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				teller := teller{engine: &tc.engine, version: 2, limit: limit, last: tc.last, kills: tc.events}
				teller.Settle(&tc.outcome)
				got := tc.outcome.Counters
				if tc.want != nil {
					tc.want.CgroupVersion = 2
				}
				if (got == nil) != (tc.want == nil) || got != nil && *got != *tc.want {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
			})
		})
	}
}

// What the engine measures comes as samples, each once.
func TestTellerSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeEngine{stats: []engine.Stats{{Memory: 5, Anon: 3, CPUSeconds: 1, Pids: 2}, {Memory: 4, Anon: 2, CPUSeconds: 2, Pids: 1}}}
		teller := teller{engine: fake}
		teller.Watch()
		synctest.Wait() // until both were heard
		look, ok := teller.Sample()
		if !ok || look.Memory != 4 || look.Breakdown.Anon != 2 {
			t.Errorf("the last sample is %+v", look)
		}
		if _, ok := teller.Sample(); ok {
			t.Error("a sample came twice")
		}
		teller.Close()
		var o sandbox.Outcome
		teller.Settle(&o)
		if o.Memory.Peak != 5 || o.CPUSeconds != 2 || o.Pids.Peak != 2 {
			t.Errorf("the outcome has %+v", o)
		}
	})
}

// On v1 nobody may have counted the kill. Somebody else's has not all marks.
func TestUnexplainedKill(t *testing.T) {
	for name, tc := range map[string]struct {
		o    sandbox.Outcome
		want bool
	}{
		"killed":             {sandbox.Outcome{Exit: killed}, true},
		"killed after TERM":  {sandbox.Outcome{Exit: killed, Stops: []sandbox.Stop{{Signal: "SIGTERM"}}}, true},
		"killed by us":       {sandbox.Outcome{Exit: killed, Stops: aborted}, false},
		"with the group":     {sandbox.Outcome{Exit: killed, GroupKilledAt: time.Unix(1, 0)}, false},
		"another signal":     {sandbox.Outcome{Exit: &sandbox.Exit{Code: 139, Signal: "SIGSEGV"}}, false},
		"an exit of its own": {sandbox.Outcome{Exit: &sandbox.Exit{Code: 137}}, false},
		"not known":          {sandbox.Outcome{}, false},
	} {
		if got := unexplainedKill(&tc.o); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReplaced(t *testing.T) {
	got := replaced([]sandbox.Enforcement{{Limit: "a"}, {Limit: "b"}}, sandbox.Enforcement{Limit: "b", Why: "x"}, sandbox.Enforcement{Limit: "c"})
	if len(got) != 3 || got[1].Why != "x" || got[2].Limit != "c" {
		t.Errorf("%+v", got)
	}
}

func TestExplain(t *testing.T) {
	k := keeper{plan: &plan{}, attempt: &supervise.Attempt{}}
	for want, err := range map[sandbox.StartReason]error{
		sandbox.StartNotFound:  &engine.StartError{Reason: sandbox.StartNotFound, Message: "exec: \"x\":\n not found"},
		sandbox.StartImagePull: &sandbox.ImageError{Reason: sandbox.StartImagePull, Message: "no such image", Remedy: "pull it"},
		sandbox.StartRuntime:   errors.New("it broke\nbadly"),
	} {
		if got := k.explain(err); got.Reason != want || got.Message == "" || got.Message != oneLine(got.Message) {
			t.Errorf("%T is %+v", err, got)
		}
	}
}
