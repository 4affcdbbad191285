// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The server is killed in each phase of a run, and started again. The client
// goes on waiting and gets the right result, and every body ran once for each
// attempt that there should be.
func TestServerKilled(t *testing.T) {
	s := own(t)
	told := func(t *testing.T, p *process, words ...string) {
		t.Helper()
		s.await(t, append(words, p.early(t, "run"))...)
	}
	after := func(d time.Duration) func(*testing.T, *conductor, *process) {
		return func(t *testing.T, _ *conductor, p *process) {
			p.early(t, "run")
			time.Sleep(d)
		}
	}
	at := func(point string) func(*testing.T, *conductor, *process) {
		return func(t *testing.T, c *conductor, _ *process) { c.await(t, point, 1) }
	}
	for _, tc := range []struct {
		phase, program string
		hold           string
		until          func(*testing.T, *conductor, *process) // it is time
		kills          int
		bodies         map[string]string // attempts by point; "": one, whichever
	}{
		{"initializing", "lone", "", after(0), 1, map[string]string{"lone": ""}},
		{"starting", "lone", "", after(30 * time.Millisecond), 1, map[string]string{"lone": ""}},
		{"importing", "lone", "", func(t *testing.T, _ *conductor, p *process) { told(t, p, `"type":"started"`) }, 1, map[string]string{"lone": "1"}},
		{"running", "lone", "lone", at("lone"), 1, map[string]string{"lone": "1"}},
		{"child running", "parent", "child", at("child"), 2, map[string]string{"parent": "1", "child": "1"}},
		{"child ended, parent busy", "busy", "busy", func(t *testing.T, c *conductor, p *process) {
			c.await(t, "busy", 1)
			told(t, p, `"type":"ended"`, `"parent":"a0"`)
		}, 1, map[string]string{"busy": "1", "child": "1"}},
		{"upload", "upload", "", func(t *testing.T, c *conductor, _ *process) {
			c.await(t, "upload", 1)
			time.Sleep(20 * time.Millisecond)
		}, 1, map[string]string{"upload": "1"}},
		{"backoff", "flaky", "", func(t *testing.T, c *conductor, p *process) {
			c.await(t, "flaky", 1)
			told(t, p, `"type":"retried"`)
		}, 1, map[string]string{"flaky": "1 2"}},
	} {
		t.Run(tc.phase, func(t *testing.T) {
			s.watch(t)
			c := newConductor(t)
			c.hold(tc.hold)
			p := s.python(t, c, "survives.py", tc.program)
			tc.until(t, c, p)
			for range tc.kills {
				s.kill(t)
				s.start(t)
			}
			c.release(tc.hold)
			p.proof(t)
			for point, attempts := range tc.bodies {
				if attempts != "" {
					c.wantAt(t, point, attempts)
				} else if n := c.count(point); n != 1 {
					t.Errorf("%d bodies came to %q, want 1", n, point)
				}
			}
		})
	}
	t.Run("a crowd, again and again", func(t *testing.T) {
		s.watch(t)
		c := newConductor(t)
		p := s.python(t, c, "survives.py", "crowd")
		c.await(t, "member0", 1)
		for range 4 {
			time.Sleep(700 * time.Millisecond)
			s.kill(t)
			s.start(t)
		}
		p.proof(t)
		for x := range 12 {
			if point := fmt.Sprint("member", x); c.count(point) != 1 {
				t.Errorf("the attempts %q came to %q, want one", c.at(point), point)
			}
		}
	})
	t.Run("paused", func(t *testing.T) {
		s.watch(t)
		c := newConductor(t)
		p := s.python(t, c, "survives.py", "waiting")
		c.await(t, "waiting", 1)
		run := p.early(t, "run")
		s.await(t, `"type":"paused"`, run)
		s.kill(t)
		s.start(t)
		s.flyte(t, "signal", "condition", run, s.child(t, run), "on it goes").succeed(t)
		p.proof(t)
		c.wantAt(t, "waiting", "1")
	})
	t.Run("what was", func(t *testing.T) {
		// Many deaths later the first run is listed, with its log and its result.
		run := s.firstRun(t)
		want(t, s.flyte(t, "get", "run").succeed(t), run)
		want(t, s.flyte(t, "get", "logs", run).succeed(t), "completed for action a0")
		want(t, s.flyte(t, "get", "io", run).succeed(t), "lone")
	})
	t.Run("queued", func(t *testing.T) {
		s.watch(t)
		c := newConductor(t)
		c.hold("blocker")
		blocker := s.python(t, c, "survives.py", "blocker")
		c.await(t, "blocker", 1)
		lone := s.python(t, c, "survives.py", "lone")
		s.await(t, `"type":"queued"`, lone.early(t, "run"), `"waiting"`)
		s.kill(t)
		s.start(t)
		if n := c.count("lone"); n != 0 {
			t.Error("it ran beside the one that has all of the machine")
		}
		c.release("blocker")
		blocker.proof(t)
		lone.proof(t)
		c.wantAt(t, "blocker", "1")
		c.wantAt(t, "lone", "1")
	})
	t.Run("down --keep", func(t *testing.T) {
		s.watch(t)
		c := newConductor(t)
		c.hold("child")
		p := s.python(t, c, "survives.py", "parent")
		c.await(t, "child", 1)
		s.drydock(t, "down", "--keep").succeed(t)
		<-s.process.done
		s.start(t)
		c.release("child")
		p.proof(t)
		c.wantAt(t, "parent", "1")
		c.wantAt(t, "child", "1")
	})
}

// firstRun is the first run that the server told of.
func (s *server) firstRun(t testing.TB) string {
	t.Helper()
	for line := range strings.Lines(s.log.String()) {
		var told struct{ Type, Run string }
		if json.Unmarshal([]byte(line), &told) == nil && told.Type == "created" {
			return told.Run
		}
	}
	t.Fatal("there was no run")
	return ""
}

// await waits until the server has told a line with all of words.
func (s *server) await(t testing.TB, words ...string) {
	t.Helper()
	within(t, patience/2, "drydock up never told "+strings.Join(words, " … "), func() bool { return s.tells(words...) })
}

func (s *server) tells(words ...string) bool {
next:
	for line := range strings.Lines(s.log.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return true
	}
	return false
}
