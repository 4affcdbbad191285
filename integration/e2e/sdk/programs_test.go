// SPDX-License-Identifier: Apache-2.0

package sdk

import "testing"

// Programs that say everything themselves. What needs a look from outside has
// a test of its own.
func TestPrograms(t *testing.T) {
	for _, name := range []string{"fanout", "nested", "files", "clientfiles", "conditions", "kills", "bundles", "pods", "basics"} {
		t.Run(name, func(t *testing.T) { shared.server(t, newest).prove(t, nil, name+".py") })
	}
}

// What was traced before a failure is not worked out again.
func TestTraces(t *testing.T) {
	c := newConductor(t)
	shared.server(t, newest).prove(t, c, "traces.py")
	for _, point := range []string{"step1", "step2", "step3"} {
		c.wantAt(t, point, "1")
	}
	c.wantAt(t, "fall", "1 2") // a failure that may pass is tried again
}

// A cached result starts no process.
func TestCaching(t *testing.T) {
	c := newConductor(t)
	s := shared.server(t, newest)
	facts := s.prove(t, c, "caching.py")
	c.wantAt(t, "square", "1 1 1 1") // child, root, the other input, the overwritten one
	c.wantAt(t, "slow", "1")
	c.wantAt(t, "aging", "1 1")
	s.flyte(t, "get", "logs", fact(t, facts, "hit")).succeed(t)
}

func TestEnds(t *testing.T) {
	c := newConductor(t)
	c.hold("hold")
	p := shared.server(t, newest).python(t, c, "ends.py")
	c.await(t, "starved", 1)
	c.release("hold")
	p.proof(t)
}

func TestRuns(t *testing.T) {
	c := newConductor(t)
	c.hold("left", "right")
	s := shared.server(t, newest)
	p := s.python(t, c, "runs.py")
	c.await(t, "left", 1)
	c.await(t, "right", 1)
	c.release("left", "right")
	facts := p.proof(t)
	want(t, s.flyte(t, "get", "run").succeed(t), fact(t, facts, "outer"), fact(t, facts, "inner"))
}

func TestAborts(t *testing.T) {
	for _, what := range []string{"run", "action"} {
		t.Run(what, func(t *testing.T) {
			c := newConductor(t)
			c.hold("stay")
			s := shared.server(t, newest)
			p := s.python(t, c, "aborted.py", what)
			c.await(t, "stay", 1)
			run := p.early(t, "run")
			if what == "run" {
				s.flyte(t, "abort", "run", run, "--reason", "enough of it").succeed(t)
			} else {
				s.flyte(t, "abort", "action", run, s.child(t, run), "--reason", "enough of it").succeed(t)
			}
			p.proof(t)
		})
	}
}

func TestBackpressure(t *testing.T) { own(t, "--max-queued", "3").prove(t, nil, "pressed.py") }

// Both on two cores, however many actions: what waits for its children is not
// charged.
func TestMany(t *testing.T) {
	c := newConductor(t)
	shared.server(t, newest).prove(t, c, "many.py", "200")
	running, most := 0, 0
	for _, v := range c.seen() {
		switch v.point {
		case "in":
			running++
		case "out":
			running--
		}
		most = max(most, running)
	}
	if most > 2 { // and their parent
		t.Errorf("%d children ran at a time under max_action_concurrency=3", most)
	}
}

// Half a gigabyte does not pass through the server's memory.
func TestBigFile(t *testing.T) {
	s := shared.server(t, newest)
	s.resetPeak(t)
	s.prove(t, nil, "big.py", "500")
	if peak := s.peak(t); peak > 150<<20 {
		t.Errorf("the server's resident size went up to %d MiB", peak>>20)
	} else {
		t.Logf("the server's peak: %d MiB", peak>>20)
	}
}
