// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// What is kept on disk: what was asked, without values of the environment;
// what each attempt got; what it meant; how it ended.
func TestRecords(t *testing.T) {
	x := newExecutor(t, nil)
	task := hog("touch", "100")
	task.Name, task.Env = "train", map[string]string{"TOKEN": "s3cret"}
	task.Resources.Memory = resources.Of("64Mi")
	result, _ := x.Run(t.Context(), task)

	dir := filepath.Join(x.StateDir(), "tasks", result.ID)
	for _, name := range []string{"task.json", "ended.json", "attempts/1/demand.json", "attempts/1/verdict.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("s3cret")) {
			t.Errorf("%s holds a value of the environment", name)
		}
	}
	var ended Ended
	if err := state.ReadJSON(filepath.Join(dir, state.EndedFile), EndedVersion, &ended); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(result.Document())
	got, _ := json.Marshal(ended)
	diff(t, string(want), string(got))

	var record taskRecord
	if err := state.ReadJSON(filepath.Join(dir, state.TaskFile), taskVersion, &record); err != nil {
		t.Fatal(err)
	}
	if record.Name != "train" || len(record.EnvNames) != 1 || record.Resources != task.Resources {
		t.Errorf("record %+v", record)
	}

	// Judging the directory gives the verdict that was written, also when it
	// has to be found anew.
	attempt := result.Attempts[0].Dir
	for range 2 {
		v, err := JudgeDir(attempt)
		if err != nil {
			t.Fatal(err)
		}
		v.OOM.After = result.Verdict.OOM.After // not written: Seconds is
		diff(t, result.Verdict, v)
		if err := os.Remove(filepath.Join(attempt, state.VerdictFile)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(attempt, state.OutcomeFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := JudgeDir(attempt); !errors.Is(err, sandbox.ErrNoOutcome) {
		t.Errorf("without an outcome: %v", err)
	}
}

// A verdict that cannot be written is still the verdict.
func TestUnrecordedEnd(t *testing.T) {
	x := newExecutor(t, nil)
	fake := &sandboxtest.Fake{Edit: func(spec sandbox.Spec, _ *sandbox.Outcome) error {
		return os.RemoveAll(filepath.Dir(filepath.Dir(spec.Dir))) // the whole task
	}}
	result, err := x.Run(t.Context(), hog("exit", "3"), WithSandbox(fake))
	if ExitCode(result) != 125 && !isA(func(*TaskFailedError) bool { return true })(err) {
		t.Fatalf("got %v", err)
	}
	for _, w := range result.Warnings {
		if w.Code == codeNotRecorded {
			return
		}
	}
	t.Errorf("no warning: %v", result.Warnings)
}

// What a sandbox could not remove is said, and changes no verdict.
func TestLeftBehind(t *testing.T) {
	fake := &sandboxtest.Fake{Edit: func(sandbox.Spec, *sandbox.Outcome) error { return errors.New("the engine is away") }}
	result, err := newExecutor(t, nil).Run(t.Context(), hog("exit", "0"), WithSandbox(fake))
	if err != nil || result.Verdict.Class != Succeeded {
		t.Errorf("%v, %v", result.Verdict, err)
	}
	if w := result.Warnings; len(w) != 1 || w[0].Code != codeLeftBehind || !strings.Contains(w[0].Text, "removed: the engine is away; `drydock doctor --clean`") {
		t.Errorf("the warnings are %+v", w)
	}
}
