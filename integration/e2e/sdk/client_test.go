// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long one program of these tests may take. It is generous:
// this is for machines where everything else runs, too.
const patience = 5 * time.Minute

// client is the environment of a user's processes.
func (s *server) client(extra ...string) []string {
	env := withoutFlyte(os.Environ())
	env = append(env, s.storage...)
	env = append(env, s.images...)
	if s.engine != "" {
		env = append(env, "DOCKER_HOST="+s.engine)
	}
	env = append(env,
		"HOME="+s.home(), "PATH="+filepath.Join(s.venv, "bin")+":"+os.Getenv("PATH"),
		"DO_NOT_TRACK=1", // no telemetry, and no wait for it
		"PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1", "COLUMNS=300",
		"PROOF_ENDPOINT="+s.endpoint,
		"DRYDOCK_STATE_DIR="+s.state(), "DRYDOCK_LEASE_DIR="+s.leases(),
	)
	return append(env, extra...)
}

// programs is a fresh copy of programs/, to be a client's working directory:
// the SDK takes what lies there for the project.
func programs(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.scratch, "project-")
	if err == nil {
		err = os.CopyFS(dir, os.DirFS("programs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "__pycache__" {
			_ = os.RemoveAll(path)
			return fs.SkipDir
		}
		return nil
	})
	return dir
}

// python starts one of the programs.
func (s *server) python(t testing.TB, c *conductor, program string, args ...string) *process {
	t.Helper()
	env := s.client()
	if c != nil {
		env = append(env, "PROOF_CONDUCTOR="+c.url)
	}
	return spawn(t, patience, env, programs(t), append([]string{filepath.Join(s.venv, "bin", "python"), program}, args...)...)
}

// prove runs one of the programs to its end; each of its checks is a subtest.
// It returns the facts that the program told.
func (s *server) prove(t *testing.T, c *conductor, program string, args ...string) map[string]any {
	t.Helper()
	return s.python(t, c, program, args...).proof(t)
}

// proof waits for a program's end and reads what it told.
func (p *process) proof(t *testing.T) map[string]any {
	t.Helper()
	code := p.exit(t)
	facts := map[string]any{}
	checks, failed := 0, false
	for line := range strings.Lines(p.out.String()) {
		text, ok := strings.CutPrefix(line, "@proof ")
		if !ok {
			continue
		}
		told := map[string]any{}
		if err := json.Unmarshal([]byte(text), &told); err != nil {
			t.Errorf("%s told %q: %v", p.name, text, err)
		}
		name, ok := told["check"].(string)
		if !ok {
			for k, v := range told {
				facts[k] = v
			}
			continue
		}
		checks++
		t.Run(name, func(t *testing.T) {
			if why, bad := told["failed"]; bad {
				t.Error(why)
				failed = true
			}
		})
	}
	if code != 0 || checks == 0 || failed {
		t.Errorf("%s: exit %d after %d checks\n%s", p.name, code, checks, p.out.tail(8000))
	}
	return facts
}

// flyte runs the SDK's command line in a project directory.
func (s *server) flyte(t testing.TB, args ...string) *process {
	t.Helper()
	return s.flyteIn(t, programs(t), args...)
}

func (s *server) flyteIn(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	return spawn(t, patience, s.client(), dir, append([]string{filepath.Join(s.venv, "bin", "flyte")}, args...)...)
}

// drydock runs drydock beside the server, as its user does.
func (s *server) drydock(t testing.TB, args ...string) *process {
	t.Helper()
	drydock(t)
	return spawn(t, patience, s.client(), programs(t), s.command(args...)...)
}

// want is for texts: all of words have to be in it.
func want(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

// fact is a text that a program told.
func fact(t testing.TB, facts map[string]any, name string) string {
	t.Helper()
	text, ok := facts[name].(string)
	if !ok {
		t.Fatalf("the program told no %s: %v", name, facts)
	}
	return text
}
