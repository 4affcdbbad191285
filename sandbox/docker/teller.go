// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"sync"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
)

// observer is the engine, to look at a container.
type observer interface {
	Inspect(ctx context.Context, id string) (engine.State, error)
	Events(ctx context.Context, id string, since time.Time) (*engine.Watch, error)
	StatsStream(ctx context.Context, id string, see func(engine.Stats)) error
}

// teller is the engine as a witness: it tells of OOM kills by an event and a
// flag, and of memory once a second. It is asked where the kernel's counters
// cannot be read.
type teller struct {
	engine  observer
	id      string
	version int // of cgroups on the engine's machine
	limit   int64

	end   context.CancelFunc // nil: not begun
	calls sync.WaitGroup
	woken chan supervise.Wake
	heard time.Time // of the last event; followEvents' own

	mu    sync.Mutex // guards what follows
	kills int64
	last  *engine.Stats
	fresh bool // last was not sampled yet
	most  int64
	pids  int64
}

// Watch implements supervise.Witness.
func (t *teller) Watch() <-chan supervise.Wake {
	t.woken = make(chan supervise.Wake, 1)
	t.begin()
	return t.woken
}

// begin follows the container's events and its usage, through an engine that
// goes away and comes back.
func (t *teller) begin() {
	if t.end != nil {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	t.end = end
	t.calls.Go(func() { again(ctx, func() { t.followEvents(ctx) }) })
	t.calls.Go(func() { again(ctx, func() { _ = t.engine.StatsStream(ctx, t.id, t.see) }) })
}

// againAfter is the pause before somebody who hung up is asked again.
const againAfter = 200 * time.Millisecond

// again does something until the context ends.
func again(ctx context.Context, do func()) {
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-time.After(againAfter):
		}
	}
}

// followEvents hears of everything since the container was made, by the
// engine's own clock, and of nothing twice.
func (t *teller) followEvents(ctx context.Context) {
	if t.heard.IsZero() {
		state, err := t.engine.Inspect(ctx, t.id)
		if err != nil {
			return
		}
		t.heard = state.CreatedAt
	}
	watch, err := t.engine.Events(ctx, t.id, t.heard)
	if err != nil {
		return
	}
	for event := range watch.C {
		if !event.Time.After(t.heard) {
			continue
		}
		t.heard = event.Time
		if event.Action == "oom" {
			t.oom()
		}
	}
}

// oom notes a kill that the engine told of.
func (t *teller) oom() {
	t.mu.Lock()
	t.kills++
	t.mu.Unlock()
	tell(t.woken, supervise.Wake{})
}

// see notes what the engine measured.
func (t *teller) see(s engine.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.fresh = &s, true
	t.most = max(t.most, s.Memory, s.MaxMemory)
	t.pids = max(t.pids, s.Pids)
}

// Main implements supervise.Witness.
func (t *teller) Main(int) {}

// Track implements supervise.Witness: an engine does not tell who is who.
func (t *teller) Track() {}

// NoteVictims implements supervise.Witness.
func (t *teller) NoteVictims(*sandbox.Outcome) {}

// Sample implements supervise.Witness.
func (t *teller) Sample() (supervise.Look, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.fresh {
		return supervise.Look{}, false
	}
	t.fresh = false
	s := t.last
	return supervise.Look{Sample: sandbox.Sample{
		Time: s.Time, Memory: s.Memory, CPUSeconds: s.CPUSeconds,
		Breakdown: &sandbox.Breakdown{Anon: s.Anon, File: s.File, Shmem: s.Shmem, Kernel: s.Kernel},
	}}, true
}

// Kills implements supervise.Witness.
func (t *teller) Kills() (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kills, nil
}

// Close implements supervise.Witness.
func (t *teller) Close() {
	if t.end != nil {
		t.end()
		t.calls.Wait()
	}
}

// Settle implements supervise.Witness. The best word is the engine's; where it
// has none, a SIGKILL of nobody's with memory at its limit is a probable OOM
// (limits-and-oom §3.3).
func (t *teller) Settle(o *sandbox.Outcome) {
	oom, known := t.word()
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.last; s != nil {
		o.CPUSeconds = max(o.CPUSeconds, s.CPUSeconds)
	}
	o.Memory.Peak = max(o.Memory.Peak, t.most)
	o.Pids.Peak = t.pids
	switch {
	case oom:
		o.Counters = &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}
	case unexplainedKill(o) && t.atLimit():
		o.Counters = &sandbox.Counters{Evidence: sandbox.EvidenceSample, OOMKill: 1}
	case known:
		o.Counters = &sandbox.Counters{Evidence: sandbox.EvidenceEngine}
	default: // it does not tell: nobody knows
		return
	}
	o.Counters.CgroupVersion = t.version
}

// atLimit reports whether the last look saw memory within 2 % of its limit.
func (t *teller) atLimit() bool {
	return t.last != nil && t.limit > 0 && t.last.Memory >= t.limit-t.limit/50
}

// How long the engine may take to set its flag: it learns of an OOM and of the
// end by two ways, of which either may be first. Whatever the exit code is: of
// 60 shells that ended with 0 as soon as their child had run out of memory, 4
// were over for Docker Engine 28.5 before it knew of that.
const (
	flagPatience = 500 * time.Millisecond
	flagEvery    = 50 * time.Millisecond
)

// word is the engine's last one on an OOM: by an event that has come, else by
// its flag. known: it has given one.
func (t *teller) word() (oom, known bool) {
	if kills, _ := t.Kills(); kills > 0 {
		return true, true
	}
	return t.flagged()
}

// flagged asks the engine for its flag. known: it answered, and knows the
// container as one that has ended.
func (t *teller) flagged() (oom, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), codePatience)
	defer cancel()
	var ended time.Time
	for ; ctx.Err() == nil; time.Sleep(flagEvery) {
		state, err := t.engine.Inspect(ctx, t.id)
		switch {
		case err != nil && !away(err):
			return false, false
		case err != nil || state.Running: // it has not heard of the end yet
			continue
		case state.OOMKilled:
			return true, true
		case ended.IsZero():
			ended = time.Now()
		}
		if time.Since(ended) >= flagPatience {
			return false, true
		}
	}
	return false, false
}
