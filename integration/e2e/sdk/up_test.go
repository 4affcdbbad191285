// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"strings"
	"syscall"
	"testing"
)

// refused wants that drydock says one sentence and ends with 125.
func refused(t *testing.T, p *process, words ...string) {
	t.Helper()
	if code := p.exit(t); code != 125 {
		t.Errorf("%s: exit %d, want 125", p.name, code)
	}
	want(t, p.out.String(), words...)
	for _, bad := range []string{"goroutine ", "panic:"} {
		if strings.Contains(p.out.String(), bad) {
			t.Errorf("a stack trace:\n%s", p.out)
		}
	}
}

// What is in the way is named together with the way out.
func TestUpRefuses(t *testing.T) {
	s := shared.server(t, newest)
	other := newServer(t, s.venv)
	t.Run("a second server on one state directory", func(t *testing.T) {
		refused(t, s.drydock(t, "up", "--native", "--listen", "127.0.0.1:0"), s.endpoint, "drydock down", "--state-dir")
	})
	t.Run("a port in use", func(t *testing.T) {
		refused(t, other.drydock(t, "up", "--native", "--listen", s.listen), s.listen, "another", "--listen")
	})
	t.Run("other machines without a token", func(t *testing.T) {
		refused(t, other.drydock(t, "up", "--native", "--listen", "0.0.0.0:0"), "--token-file")
	})
}

// A Python without the SDK is said at once, with the remedy.
func TestPythonWithoutSDK(t *testing.T) {
	s := newServer(t, sdk(t, newest))
	refused(t, s.drydock(t, "up", "--native", "--listen", "127.0.0.1:0", "--python", bareVenv(t)), "has no flyte", "pip install flyte")
}

// Ctrl-C ends in order: what runs is aborted, and its client is told.
func TestUpInterrupted(t *testing.T) {
	s := newServer(t, sdk(t, newest))
	s.start(t)
	s.watch(t)
	c := newConductor(t)
	c.hold("child")
	p := s.python(t, c, "survives.py", "parent")
	c.await(t, "child", 1)
	if err := s.process.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.process.exit(t); code != 0 {
		t.Errorf("exit %d after Ctrl-C, want 0", code)
	}
	s.told(t, `"type":"finished"`, `"verdict":"aborted"`)
	s.told(t, `"type":"stopped"`)
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGTERM) // its server is gone
	<-p.done
}

// In the background: up, seen, used, down.
func TestUpDetached(t *testing.T) {
	s := newServer(t, sdk(t, newest))
	out := s.drydock(t, "up", "--native", "--detach", "--listen", "127.0.0.1:0", "--python", s.venv).succeed(t)
	want(t, out, "localhost:")
	t.Cleanup(func() { s.drydock(t, "down").succeed(t) }) // once more does no harm
	status := s.drydock(t, "status").succeed(t)
	want(t, status, "localhost:", s.state())
	s.endpoint = field(status, "endpoint")
	s.storage = s.askStorage(t)
	s.configure(t)
	s.prove(t, nil, "hello.py")
	s.drydock(t, "down").succeed(t)
	p := s.drydock(t, "status")
	t.Logf("status when nothing is up: exit %d: %s", p.exit(t), p.out)
}

// field is a value of the table that drydock status prints.
func field(table, name string) string {
	for line := range strings.Lines(table) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return words[1]
		}
	}
	return ""
}

// drydock flyte is up and run in one, and exits with the run's verdict.
func TestFlyte(t *testing.T) {
	venv := sdk(t, newest)
	for _, tc := range []struct {
		name  string
		args  string
		code  int
		words []string
	}{
		{"success", "run main.py main", 0, []string{"training with 700 MiB", "out of memory"}},
		{"failure", "run fails.py fall", 1, []string{"the milk is off"}},
		{"out of memory", "run main.py train_model --mib 700", 137, []string{"out of memory", "memory="}},
		{"flyte's own usage", "run --no-such-option main.py main", 2, []string{"no-such-option"}},
		{"another verb", "--version", 0, []string{"2."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t, venv)
			p := s.drydock(t, append([]string{"flyte", "--python", venv, "--"}, strings.Fields(tc.args)...)...)
			if code := p.exit(t); code != tc.code {
				t.Errorf("exit %d, want %d\n%s", code, tc.code, p.out.tail(4000))
			}
			want(t, p.out.String(), tc.words...)
		})
	}
	t.Run("with a server that is up", func(t *testing.T) {
		s := shared.server(t, newest)
		p := s.drydock(t, "flyte", "--", "run", "hello.py", "greet", "--name", "edith")
		want(t, p.succeed(t), "greeting edith")
	})
}
