// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The smallest program, by a script, again with the bundle that the client
// remembers, and by the command line, which shows what the task prints.
func TestHello(t *testing.T) {
	s := shared.server(t, newest)
	first := s.prove(t, nil, "hello.py")
	second := s.prove(t, nil, "hello.py")
	if a, b := fact(t, first, "bundle"), fact(t, second, "bundle"); a != b || !strings.HasPrefix(a, "s3://") {
		t.Errorf("bundles %s and %s", a, b)
	}
	if fact(t, first, "run") == fact(t, second, "run") {
		t.Error("both runs have one name")
	}
	out := s.flyte(t, "run", "--follow", "hello.py", "greet", "--name", "grace").succeed(t)
	want(t, out, "greeting grace")
}

// What a task prints is seen while it runs, not when it has ended. The SDK gives
// up a log that is silent for 30 seconds; it must not see that the task was.
func TestFollowLive(t *testing.T) {
	s := shared.server(t, newest)
	c := newConductor(t)
	c.hold("go")
	program := s.python(t, c, "live.py")
	command := s.flyte(t, "run", "--follow", "live.py", "talk", "--url", c.url)
	ours := s.drydock(t, "flyte", "--", "run", "live.py", "talk", "--url", c.url)
	c.await(t, "go", 3)
	for _, p := range []*process{program, ours} { // the SDK's own command shows it live on terminals only
		within(t, 20*time.Second, p.name+": the first line did not come while the task ran", func() bool { return strings.Contains(p.out.String(), "before") })
	}
	time.Sleep(33 * time.Second)
	c.release("go")
	program.proof(t)
	want(t, command.succeed(t), "before", "after")
	want(t, ours.succeed(t), "before", "after")
}

// The program for which drydock exists, and what can be seen of it from
// outside.
func TestOOM(t *testing.T) {
	s := shared.server(t, newest)
	facts := s.prove(t, nil, "oom.py")
	run, killed, good := fact(t, facts, "run"), fact(t, facts, "oom_action"), fact(t, facts, "good_action")
	t.Log(fact(t, facts, "oom_message"))

	want(t, s.flyte(t, "get", "action", run, killed).succeed(t), "OOMKilled")
	want(t, s.flyte(t, "get", "action", run, good).succeed(t), "PHASE_SUCCEEDED")
	// What it printed before the kill is there.
	want(t, s.flyte(t, "get", "logs", run, killed).succeed(t), "training with 700 MiB")
	s.told(t, `"type":"oom"`, run)
	s.told(t, `"verdict":"oom"`, run)
}

// told wants a JSON line of the server's that holds all of words.
func (s *server) told(t testing.TB, words ...string) {
	t.Helper()
	if !s.tells(words...) {
		t.Errorf("drydock up told nothing with %q", words)
	}
}

// A program that fails: its output is in the log, whole and in order, and the
// command line follows it to its end.
func TestFails(t *testing.T) {
	s := shared.server(t, newest)
	facts := s.prove(t, nil, "fails.py")
	t.Logf("sys.exit(3): %v: %v", facts["left_code"], facts["left_message"])
	logs := s.flyte(t, "get", "logs", fact(t, facts, "fell")).succeed(t)
	want(t, logs, "on standard output", "on standard error", "by a logger", "Traceback", "the milk is off")
	// The SDK's exit code says nothing of the run's end; ours does (TestFlyte).
	out := s.flyte(t, "run", "--follow", "fails.py", "fall").succeed(t)
	want(t, out, "on standard output", "the milk is off")
}

// The other verbs of the command line: what drydock serves, and what it says
// of the rest.
func TestVerbs(t *testing.T) {
	s := shared.server(t, newest)
	facts := s.prove(t, nil, "hello.py")
	run := fact(t, facts, "run")
	for _, tc := range []struct {
		args  string
		fails bool
		words []string
	}{
		{"get run", false, []string{run}},
		{"get run RUN", false, []string{run, "PHASE_SUCCEEDED"}},
		{"get action RUN", false, []string{"a0", "hello.greet"}},
		{"get action RUN a0", false, []string{"PHASE_SUCCEEDED"}},
		{"get logs RUN", false, []string{"greeting ada"}},
		{"get logs RUN a0", false, []string{"greeting ada"}},
		{"get io RUN", false, []string{"ada", "hello ada"}},
		{"get code RUN", false, []string{"hello.py", "common.py"}},
		{"rerun RUN", false, []string{"Created Run"}},
		{"create project --id other --name Other", false, nil},
		{"get project", false, []string{"proofs", "other"}},
		{"whoami", false, nil},
		{"get run no-such-run", true, []string{"no-such-run"}},
		{"abort run no-such-run", true, []string{"no-such-run"}},
		{"get secret", true, []string{"drydock does not serve", "secret"}},
		{"get trigger", true, []string{"drydock does not serve", "schedule"}},
		{"get app", true, []string{"drydock does not serve", "apps"}},
	} {
		t.Run(tc.args, func(t *testing.T) {
			p := s.flyte(t, strings.Fields(strings.ReplaceAll(tc.args, "RUN", run))...)
			if code := p.exit(t); (code != 0) != tc.fails {
				t.Errorf("exit %d", code)
			}
			want(t, p.out.String(), tc.words...)
		})
	}
	t.Run("drydock status", func(t *testing.T) {
		var status map[string]any
		if err := json.Unmarshal([]byte(s.drydock(t, "status", "--json").succeed(t)), &status); err != nil || status["endpoint"] != s.endpoint {
			t.Errorf("%v, %v", status, err)
		}
	})
	t.Run("the page that the SDK links to", func(t *testing.T) {
		page, err := http.Get(fact(t, facts, "url"))
		if err != nil {
			t.Fatal(err)
		}
		defer page.Body.Close()
		body, _ := io.ReadAll(page.Body)
		if page.StatusCode != http.StatusOK {
			t.Errorf("status %d", page.StatusCode)
		}
		want(t, string(body), run, "greet")
	})
}
