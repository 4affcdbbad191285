// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"drydock/sandbox"
)

// FakeName is the fake's name in Outcome.Sandbox.
const FakeName = "fake"

// Fake is a sandbox in memory for tests: no process, no cgroup, no root. It
// reads an attempt's Args as the words of the suite's hog program ("hog",
// "touch", "300", "exit", "3": touch 300 MiB, then exit with 3; what the words
// mean is written in testdata/hog.c and at fakeWords) and does to its books
// what the kernel would do: charge, kill, count. It keeps the limits of memory,
// /dev/shm and processes, timeouts, stops and streams, and uses only the time
// package for its clock, so that it runs in a synctest bubble.
//
// The zero value is ready, and safe for concurrent use.
type Fake struct {
	// CgroupVersion decides which counters tell of an OOM and how a group
	// kill is had: 2 (the default) enforces it, 1 emulates it.
	CgroupVersion int
	// Cores are what programs see; 0: 2.
	Cores int
	// StartErr, if set, may refuse an attempt: its error is Start's.
	StartErr func(sandbox.Spec) error
	// Edit, if set, has the last word about the facts before they are handed
	// out; its error is Wait's.
	Edit func(sandbox.Spec, *sandbox.Outcome) error

	mu      sync.Mutex // guards running
	running map[string]*fakeRun
}

func (f *Fake) version() int {
	if f.CgroupVersion == 1 {
		return 1
	}
	return 2
}

// Enforcement says how the fake holds limits.
func (f *Fake) Enforcement(spec sandbox.Spec) []sandbox.Enforcement {
	group := sandbox.Enforcement{Limit: "group-kill", State: sandbox.Enforced}
	switch {
	case !spec.Limits.GroupKill:
		group = sandbox.Enforcement{Limit: "group-kill", State: sandbox.NotEnforced, Why: "not asked for"}
	case f.version() == 1:
		group = sandbox.Enforcement{Limit: "group-kill", State: sandbox.Emulated, Why: "cgroup v1 has none"}
	}
	table := []sandbox.Enforcement{
		{Limit: "memory", State: sandbox.Enforced},
		group,
		{Limit: "cpu", State: sandbox.NotEnforced, Why: "a fake burns no CPU"},
	}
	if spec.Limits.Disk > 0 {
		table = append(table, sandbox.Enforcement{Limit: "disk", State: sandbox.Emulated, Why: "looked at now and then"})
	}
	return table
}

// Start begins an attempt.
func (f *Fake) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if f.StartErr != nil {
		if err := f.StartErr(spec); err != nil {
			return nil, err
		}
	}
	if len(spec.Args) == 0 {
		return nil, &sandbox.SpecError{Field: "command", Reason: "it is empty", Remedy: "name a program"}
	}
	if info, err := os.Stat(onHost(spec)); spec.WorkDir != "" && (err != nil || !info.IsDir()) {
		return nil, &sandbox.SpecError{Field: "working directory", Reason: spec.WorkDir + " is not a directory",
			Remedy: "make it, or name another one"}
	}
	r := newFakeRun(f, spec, streams)
	f.keep(r)
	go r.run() // ends with the attempt; Wait waits for it
	return r, nil
}

// fakeRun is one attempt. The goroutine of run owns everything but the stops.
type fakeRun struct {
	fake    *Fake
	spec    sandbox.Spec
	streams sandbox.Streams
	events  chan sandbox.Event
	done    chan struct{} // closed when out is complete
	out     sandbox.Outcome
	err     error

	mu    sync.Mutex // guards asked
	asked []fakeStop
	poke  chan struct{} // one buffered token: asked has grown

	fakeProgram
}

// fakeStop is one call of Stop, or the timeout.
type fakeStop struct {
	reason sandbox.StopReason
	grace  time.Duration
}

func newFakeRun(f *Fake, spec sandbox.Spec, streams sandbox.Streams) *fakeRun {
	cores := f.Cores
	if cores == 0 {
		cores = 2
	}
	return &fakeRun{
		fake: f, spec: spec, streams: streams,
		// As many as a test may leave undrained for a while.
		events: make(chan sandbox.Event, 16),
		done:   make(chan struct{}),
		poke:   make(chan struct{}, 1),
		out: sandbox.Outcome{
			Version: sandbox.OutcomeVersion, Sandbox: FakeName, Cores: cores,
			Counters: &sandbox.Counters{CgroupVersion: f.version(), Group: f.group(spec)},
			Memory:   sandbox.Memory{Limit: spec.Limits.Memory},
			Shm:      &sandbox.Shm{Size: spec.Limits.ShmSize},
			Pids:     sandbox.Pids{Limit: spec.Limits.Pids, Peak: 1},
			Limits:   f.Enforcement(spec),
		},
	}
}

func (f *Fake) group(spec sandbox.Spec) sandbox.GroupKill {
	switch {
	case !spec.Limits.GroupKill:
		return sandbox.GroupNo
	case f.version() == 1:
		return sandbox.GroupEmulated
	default:
		return sandbox.GroupEnforced
	}
}

// Events delivers what happens.
func (r *fakeRun) Events() <-chan sandbox.Event { return r.events }

// Stop asks the attempt to end.
func (r *fakeRun) Stop(reason sandbox.StopReason, grace time.Duration) {
	r.mu.Lock()
	r.asked = append(r.asked, fakeStop{reason, grace})
	r.mu.Unlock()
	select {
	case r.poke <- struct{}{}:
	default: // a token is there already
	}
}

func (r *fakeRun) nextStop() (fakeStop, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) == 0 {
		return fakeStop{}, false
	}
	s := r.asked[0]
	r.asked = r.asked[1:]
	return s, true
}

// Wait returns the facts.
func (r *fakeRun) Wait() (sandbox.Outcome, error) {
	<-r.done
	return r.out, r.err
}

// run lives the attempt from start to end.
func (r *fakeRun) run() {
	defer close(r.done)
	defer close(r.events)
	if r.out.StartError = r.startError(); r.out.StartError == nil {
		r.out.StartedAt = time.Now()
		r.send(sandbox.Event{Started: &sandbox.Started{PID: 4242}})
		exit := r.execute(r.spec.Args[1:])
		r.out.EndedAt = time.Now()
		r.out.Exit = exit
		r.settle()
		r.dropMonotonic()
	}
	if r.fake.Edit != nil {
		r.err = r.fake.Edit(r.spec, &r.out)
	}
	if r.err == nil {
		r.err = r.record()
	}
}

// dropMonotonic leaves times as a document would give them back: facts that
// were read from one have no monotonic clock reading.
func (r *fakeRun) dropMonotonic() {
	times := []*time.Time{&r.out.StartedAt, &r.out.EndedAt, &r.out.KillSeenAt, &r.out.GroupKilledAt}
	for i := range r.out.Stops {
		times = append(times, &r.out.Stops[i].Time)
	}
	for _, t := range times {
		*t = t.Round(0)
	}
}

func (r *fakeRun) send(e sandbox.Event) {
	e.Time = time.Now()
	r.events <- e
}

// record writes outcome.json as a supervisor does.
func (r *fakeRun) record() error {
	if r.spec.Dir == "" {
		return nil
	}
	data, err := json.Marshal(r.out)
	if err != nil {
		return err
	}
	path := filepath.Join(r.spec.Dir, "outcome.json")
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// The least memory in which something starts, as measured with the embedded
// runtime on either cgroup version.
const (
	fakeFloorV1 = 4 << 20
	fakeFloorV2 = 8 << 20
)

// startError says why the program never ran: only "hog" is a program here.
func (r *fakeRun) startError() *sandbox.StartError {
	floor := int64(fakeFloorV2)
	if r.fake.version() == 1 {
		floor = fakeFloorV1
	}
	if limit := r.spec.Limits.Memory; limit > 0 && limit < floor {
		return &sandbox.StartError{Reason: sandbox.StartLimitTooLow, OOM: true,
			Message: fmt.Sprintf("the memory limit of %d bytes is below what starting takes", limit)}
	}
	name := r.spec.Args[0]
	if filepath.Base(name) == "hog" {
		return nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.spec.WorkDir, name)
	}
	if _, err := os.Stat(path); strings.Contains(name, "/") && err == nil {
		return &sandbox.StartError{Reason: sandbox.StartNotExecutable, Message: name + ": not a program that can run"}
	}
	return &sandbox.StartError{Reason: sandbox.StartNotFound, Message: name + ": no such program"}
}
