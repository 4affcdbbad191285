// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/internal/leftover"
)

func TestMain(m *testing.M) {
	if err := leftover.BecomeSubreaper(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Lines as a correct drydock prints them for `sh -c 'echo out; exit 3'`.
const (
	startedLine = `{"type":"started","time":"2026-01-02T03:04:05.000000006Z","id":"X","attempt":1}`
	outputLine  = `{"type":"output","time":"2026-01-02T03:04:05Z","id":"X","stream":"stdout","text":"out\n"}`
	endedLine   = `{"type":"ended","version":1,"time":"2026-01-02T03:04:06Z","id":"X","verdict":"failed","code":"Error",` +
		`"kind":"user","message":"the task failed","exit_code":3,` +
		`"attempts":[{"number":1,"hints":["a hint"],"usage":{"memory_peak":2097152},"oom":{"main":true,"limit":64}}]}`
)

// fake is a drydock that runs a shell script instead of a task. The lines may
// be printed by `lines`.
func fake(t *testing.T, script string) *Runner {
	t.Helper()
	dir := t.TempDir()
	body := "#!/bin/sh\nlines() { cat <<'END'\n" +
		strings.Join([]string{startedLine, outputLine, endedLine}, "\n") + "\nEND\n}\n" + script + "\n"
	program := filepath.Join(dir, "drydock")
	if err := os.WriteFile(program, []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	builds := filepath.Join(dir, "build")
	if err := os.Mkdir(builds, 0o755); err != nil {
		t.Fatal(err)
	}
	return &Runner{Dir: dir, Drydock: program, Builder: &Builder{Dir: builds}, Settle: 200 * time.Millisecond}
}

// scenario fills in what every scenario needs.
func scenario(t *testing.T, text string) Scenario {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for key, value := range map[string]any{"id": "test", "cmd": []string{"true"}, "expect": map[string]any{"exit": 3}} {
		if _, ok := object[key]; !ok {
			object[key] = value
		}
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantProblem checks that a report has exactly one problem, and which.
func wantProblem(t *testing.T, report Report, want string) {
	t.Helper()
	if want == "" {
		if len(report.Problems) > 0 || report.Missing != nil {
			t.Errorf("want no problem, got %q (missing %v)", report.Problems, report.Missing)
		}
		return
	}
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0], want) {
		t.Errorf("want one problem with %q, got %q", want, report.Problems)
	}
}
