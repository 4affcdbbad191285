// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/sandbox"
)

// The last samples before a kill say little when memory grows fast: the
// outcome's split is the last point, with the peak as its height.
func TestKillIsAPoint(t *testing.T) {
	last := sandbox.Breakdown{Anon: 50 * mib, Kernel: mib}
	for _, tt := range []struct {
		name    string
		samples []sandbox.Sample
		outcome *sandbox.Outcome
		want    Point // without CPU and rates
		index   int
	}{
		{"no sample", nil, oom(9*time.Millisecond, 64*mib, last),
			Point{Kind: AtOOM, At: 9 * time.Millisecond, Memory: 64 * mib, Breakdown: &last}, 0},
		{"after all", samples(50*time.Millisecond, 150*time.Millisecond, grow(mib)), oom(160*time.Millisecond, 64*mib, last),
			Point{Kind: AtOOM, At: 160 * time.Millisecond, Memory: 64 * mib, Breakdown: &last}, 3},
		{"in between", samples(50*time.Millisecond, 250*time.Millisecond, grow(mib)), oom(160*time.Millisecond, 64*mib, last),
			Point{Kind: AtOOM, At: 160 * time.Millisecond, Memory: 64 * mib, Breakdown: &last}, 3},
		{"noticed after its effect was sampled", []sandbox.Sample{
			{Time: begun.Add(50 * time.Millisecond), Memory: 60 * mib},
			{Time: begun.Add(99 * time.Millisecond), Memory: mib},
		}, oom(100*time.Millisecond, 64*mib, last),
			Point{Kind: AtOOM, At: 99 * time.Millisecond, Memory: 64 * mib, Breakdown: &last}, 1},
		{"by another's shortage", nil, func() *sandbox.Outcome {
			o := oom(100*time.Millisecond, 64*mib, last)
			o.Counters.OOM, o.Counters.AncestorOOM = 0, true
			return o
		}(), Point{Kind: AtOOM, At: 100 * time.Millisecond, Memory: 51 * mib, Breakdown: &last}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := executor.Judge(*tt.outcome, executor.JudgeOptions{})
			all := points(begun, tt.samples, tt.outcome, &v)
			got := all[tt.index]
			got.CPUSeconds, got.Rates = 0, nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if end := all[len(all)-1]; end.Kind != AtEnd || end.CPUSeconds != tt.outcome.CPUSeconds {
				t.Errorf("the end is %+v", end)
			}
		})
	}
}

// Over single samples a program at a limit of one core seems to use two.
func TestRates(t *testing.T) {
	var all []sandbox.Sample
	used, waited := 0.0, 0.0
	for i := range 40 {
		if i%2 == 0 { // a slice of the limit is used up in half its time
			used += 0.1
		}
		waited += 0.02
		all = append(all, sandbox.Sample{Time: begun.Add(time.Duration(i) * 50 * time.Millisecond), Memory: 1, CPUSeconds: used,
			Pressure: &sandbox.Pressure{CPU: &sandbox.Stall{Some: waited}}})
	}
	got := points(begun, all, nil, nil)
	if got[0].Rates != nil {
		t.Error("the first sample has a rate")
	}
	for i, p := range got[4:] {
		if r := p.Rates; math.Abs(r.Cores-1) > 0.3 || math.Abs(r.CPU.Some-0.4) > 0.01 || r.Memory != nil {
			t.Errorf("point %d: %+v, CPU %+v", i+4, r, r.CPU)
		}
	}
}

func TestMarks(t *testing.T) {
	child := oom(time.Second, 64*mib, sandbox.Breakdown{})
	child.Victims[0].Main, child.Victims[0].PID, child.GroupKilledAt = false, 7, begun.Add(time.Second+time.Millisecond)
	machine := oom(time.Second, 64*mib, sandbox.Breakdown{})
	machine.Counters.OOM, machine.Counters.AncestorOOM, machine.Victims = 0, true, nil
	stopped := lived(3*time.Second, 64*mib, mib)
	stopped.Exit = nil
	stopped.Stops = []sandbox.Stop{{Reason: sandbox.StopAbort, Signal: "SIGTERM", Time: begun.Add(2 * time.Second)}, {Signal: "SIGKILL", Time: begun.Add(-time.Second)}}
	for _, tt := range []struct {
		name    string
		outcome *sandbox.Outcome
		want    []Mark
	}{
		{"nothing known", nil, nil},
		{"never ran", &sandbox.Outcome{EndedAt: begun}, nil},
		{"a child", child, []Mark{{MarkStarted, 0, "started"}, {MarkOOM, time.Second, "out of memory: python3 (pid 7) killed"},
			{MarkGroupKill, time.Second + time.Millisecond, "the rest killed with it"}, {MarkEnded, time.Second + 20*time.Millisecond, "ended: SIGKILL"}}},
		{"the machine", machine, []Mark{{MarkStarted, 0, "started"}, {MarkOOM, time.Second, "machine out of memory: a process killed"},
			{MarkEnded, time.Second + 20*time.Millisecond, "ended: SIGKILL"}}},
		{"stopped, with a clock that was set back", stopped, []Mark{{MarkStarted, 0, "started"}, {MarkStop, 0, "SIGKILL"},
			{MarkStop, 2 * time.Second, "SIGTERM on request"}, {MarkEnded, 3 * time.Second, "ended"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var v *executor.Verdict
			if tt.outcome != nil {
				judged := executor.Judge(*tt.outcome, executor.JudgeOptions{})
				v = &judged
			}
			if diff := cmp.Diff(tt.want, marks(tt.outcome, v)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// However many samples there are, a column shows its highest, and nothing of
// the picture grows with them.
func TestThinKeepsThePeak(t *testing.T) {
	r := long(100_000)
	a := &r.Attempts[0]
	peak, at, sampled := a.Peak()
	if peak != 900*mib || !sampled {
		t.Fatalf("peak %d, sampled %v", peak, sampled)
	}
	thinned := thin(a.Points, a.Duration(), 772)
	found := false
	for i, p := range thinned {
		found = found || p.At == at && p.Memory == peak
		if i > 0 && p.At < thinned[i-1].At {
			t.Fatal("out of order")
		}
	}
	if !found || len(thinned) > 774 {
		t.Errorf("%d points, the peak among them: %v", len(thinned), found)
	}
	if page := render(t, r, HTML, Options{}); len(page) > 300_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	text := render(t, r, Text, Options{Unicode: true})
	if len(text) > 10_000 {
		t.Errorf("the text has %d bytes", len(text))
	}
}

func TestThinOfFew(t *testing.T) {
	two := []Point{{Kind: Sampled, At: 1, Memory: 5}, {Kind: Sampled, At: 2, Memory: 4}}
	if diff := cmp.Diff(two, thin(two, 2, 10)); diff != "" {
		t.Error(diff)
	}
}

// A hundred thousand samples make a page at once.
func BenchmarkPage(b *testing.B) {
	r := long(100_000)
	for b.Loop() {
		render(b, r, HTML, Options{})
	}
}
