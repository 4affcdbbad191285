// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFlyteCommand(t *testing.T) {
	const before = "flyte --endpoint E --insecure "
	for line, want := range map[string]string{
		"run main.py main":                              "run --name N main.py main",
		"run main.py main --name x":                     "run --name N main.py main --name x", // the task's own input
		"run --name mine main.py main":                  "run --name mine main.py main",
		"run --name=mine main.py main":                  "run --name=mine main.py main",
		"run -p a --domain b main.py main":              "run --name N -p a --domain b main.py main",
		"run --follow main.py main":                     "run --name N main.py main",
		"run -f --copy-style all main.py main -f":       "run --name N --copy-style all main.py main -f",
		"run --local main.py main":                      "run main.py main", // see below
		"run --tracked --copy-style all main.py main":   "run --copy-style all main.py main",
		"-vv run main.py main":                          "-vv run --name N main.py main",
		"-c other.yaml --org x run main.py main":        "-c other.yaml --org x run --name N main.py main",
		"--output-format=json get run":                  "--output-format=json get run",
		"rerun rabc --name mine":                        "rerun rabc --name mine",
		"rerun --recover rabc":                          "rerun --name N --recover rabc",
		"get logs rabc":                                 "get logs rabc",
		"--version":                                     "--version",
		"run":                                           "run --name N",
		"run --help":                                    "run --name N --help",
		"run --project":                                 "run --name N --project",
		"run --run-project a deployed-task env.main -x": "run --name N --run-project a deployed-task env.main -x",
	} {
		c, err := parseFlyte(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		name := "N"
		if c.local {
			name, want = "", strings.TrimSpace("run "+strings.TrimPrefix(line, "run "))
		}
		if !c.makesRun() {
			name = ""
		}
		if diff := cmp.Diff(before+want, strings.Join(c.command("flyte", "E", name), " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

func TestFlyteNames(t *testing.T) {
	for line, want := range map[string][3]string{
		"run --name n -p a -d b main.py main":                     {"n", "a", "b"},
		"run --name=n --project=a --domain=b main.py main":        {"n", "a", "b"},
		"run main.py main --name n -p a":                          {"", "", ""},
		"run --run-project a --run-domain b deployed-task x.main": {"", "a", "b"},
		"rerun r1 --name n -p a --recover":                        {"n", "a", ""},
		"get run -p a":                                            {"", "", ""},
	} {
		c, err := parseFlyte(strings.Fields(line))
		if got := [3]string{c.name, c.project, c.domain}; err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{"--endpoint x run main.py main", "--endpoint=x get run", "--insecure run main.py main"} {
		if _, err := parseFlyte(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), "leave it out") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// The file is found where flyte finds it, and only the first one counts.
func TestFlyteConfig(t *testing.T) {
	w, _, _, _ := testWorld(t)
	dir, _ := w.Dir()
	home := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.Environ = append(w.Environ, "HOME="+home, envProject+"=from-env")
	steps := []struct {
		path, text string
		want       flyteSettings
	}{
		{"", "", flyteSettings{}}, // and the environment does not count
		{filepath.Join(home, ".flyte", "config.yaml"), "task: {domain: d}", flyteSettings{project: "from-env", domain: "d"}},
		{filepath.Join(home, ".union", "config.yaml"), "admin: {}", flyteSettings{project: "from-env"}},
		{filepath.Join(dir, ".flyte", "config.yaml"), "task: [not, a, map]", flyteSettings{project: "from-env"}},
		{filepath.Join(dir, "config.yaml"), "task: {project: p, domain: x}", flyteSettings{project: "from-env", domain: "x"}},
	}
	for _, s := range steps {
		if s.path != "" {
			put(s.path, s.text)
		}
		got := readFlyteConfig(w, nil)
		s.want.path = s.path
		if got != s.want {
			t.Errorf("with %s: %+v, want %+v", s.path, got, s.want)
		}
	}
	other := filepath.Join(home, "other.yaml")
	put(other, "task: {domain: other}")
	if got := readFlyteConfig(w, []string{"-v", "--config", other}); got.domain != "other" {
		t.Errorf("--config: %+v", got)
	}
}
