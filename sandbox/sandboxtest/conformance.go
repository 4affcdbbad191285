// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"flag"
	"testing"

	"drydock/internal/leftover"
	"drydock/internal/need"
	"drydock/sandbox"
)

// Backend describes one implementation to Conformance: how to make it and
// what this machine and it can do.
type Backend struct {
	// Name is what Outcome.Sandbox says.
	Name string
	// New makes the sandbox under test; it is called once.
	New func(t testing.TB) sandbox.Sandbox
	// CgroupVersion is what Counters.CgroupVersion says: 1 or 2.
	CgroupVersion int
	// GroupKill is how a group kill is had here when one is asked for.
	GroupKill sandbox.GroupKill
	// OwnedParent says that drydock's own group lies above the program's on
	// cgroup v1, too, and not on v2 alone.
	OwnedParent bool
	// Kernel says that real processes run in real cgroups, so that the suite
	// can drive an attempt from outside: signal its processes, write its
	// limits, make cgroups. A fake has none.
	Kernel bool
	// Durable says that the attempt's directory receives outcome.json, and
	// that a supervisor of its own process keeps the attempt.
	Durable bool
	// HardLayer says that a write beyond a hard limit on the disk fails in the
	// program's root file system, too, and not in its own directory alone.
	HardLayer bool
	// SharedLimit, if set, makes a sandbox whose attempts all run below the
	// cgroup directory it returns, so that the suite can limit them together.
	SharedLimit func(t testing.TB) (sandbox.Sandbox, string)
	// Adapt, if set, changes a case's spec into what this sandbox can run, just
	// before it is started: names an image, for example, and mounts the working
	// directory, where the program lies.
	Adapt func(spec sandbox.Spec) sandbox.Spec
	// Foreign, if set, tells what is not an attempt's although it appeared while
	// one ran: a long-lived engine's own.
	Foreign func(leftover.Item) bool
	// Program is the hog program's path where the suite shall not build it.
	Program string
	// Lacks are the cases that the backend cannot pass, by name ("C11",
	// "network"), with the reason. They are skipped and counted.
	Lacks map[string]string
}

var (
	roundsFlag   = flag.Int("sandboxtest.rounds", 10, "rounds of C10, each with eight attempts in parallel")
	parallelFlag = flag.Int("sandboxtest.parallel", 8, "attempts in parallel in C10 and in the concurrency case")
	repeatsFlag  = flag.Int("sandboxtest.repeats", 20, "repeats of D11, the OOM in the first millisecond (200 in a soak)")
)

// KnownGaps are the cases of the conformance table that no sandbox can be
// asked yet, with the reason.
var KnownGaps = map[string]string{
	"C13": "OOM of a process that came in by exec: the contract has no exec yet",
	"D2":  "exec session killed, main unaffected: the contract has no exec yet",
	"C2":  "init containers: a sandbox runs one command",
}

// Conformance runs the cases that every sandbox passes, named after the
// table in limits-and-oom §8 (C…, D…) or after what they show.
func Conformance(t *testing.T, b Backend) {
	s := newSuite(t, b)
	for _, group := range allCases() {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { s.run(t, c) })
		}
	}
	for name, reason := range KnownGaps {
		t.Run(name, func(t *testing.T) { need.Gap(t, "known gap: "+reason) })
	}
}

// allCases are the groups of cases.
func allCases() [][]testCase {
	return [][]testCase{
		basicCases, streamCases, inputCases, stopCases, viewCases, limitCases,
		oomCases, groupCases, outsideCases, shmCases, diskCases, diskHardCases, lifeCases, fileCases, machineCases, deviceCases,
	}
}

// testCase is one case; test gets the suite for its backend.
type testCase struct {
	name string
	// kernel marks cases that drive the attempt from outside.
	kernel bool
	test   func(t *testing.T, s *suite)
}

func (s *suite) run(t *testing.T, c testCase) {
	if reason, lacks := s.Lacks[c.name]; lacks {
		need.Gap(t, s.Name+": "+reason)
	}
	if c.kernel && !s.Kernel {
		need.Gap(t, s.Name+": no real processes to drive from outside")
	}
	c.test(t, s)
}
