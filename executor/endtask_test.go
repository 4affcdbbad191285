// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

// The end of a task that nobody looked after is written down from what its
// attempts left, as Run would have; whatever else a kill left half done goes.
func TestEndTask(t *testing.T) {
	for name, forget := range map[string][]string{
		"nobody wrote its end":     {state.EndedFile},
		"nobody judged it":         {state.EndedFile, "attempts/1/" + state.VerdictFile},
		"everything is there":      nil,
		"a document is a fragment": {state.EndedFile},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExecutor(t, nil)
			task := hog("exit", "3")
			task.Resources.Memory = resources.Of("64Mi")
			ran, err := x.Run(t.Context(), task)
			if err == nil {
				t.Fatal("it succeeded")
			}
			dir := filepath.Join(x.StateDir(), "tasks", ran.ID)
			for _, name := range forget {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			drafts := []string{".ended.json-1", "waiting.json", "attempts/1/.verdict.json-2", "attempts/1/outcome.json.tmp", "attempts/1/control.sock"}
			for _, name := range drafts {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ended, err := EndTask(x.StateDir(), ran.ID)
			if err != nil {
				t.Fatal(err)
			}
			want, got := ran.Document(), ended.Document()
			want.Time = got.Time
			diff(t, want, got)
			if forget == nil {
				return
			}
			for _, name := range drafts {
				if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
					t.Errorf("%s is still there", name)
				}
			}
			rec, err := ReadRecorded(x.StateDir(), ran.ID)
			if err != nil || rec.Result == nil {
				t.Fatalf("the end was not written: %v", err)
			}
		})
	}
}

// It ends nothing that may go on, and invents no facts.
func TestEndTaskLeavesAlone(t *testing.T) {
	x := newExecutor(t, nil)
	begun := left(t, x, hog("exit", "0"), false)
	if _, err := EndTask(x.StateDir(), begun); !errors.Is(err, sandbox.ErrNoOutcome) {
		t.Errorf("without an outcome: %v", err)
	}
	unlock, err := x.state.LockTask(begun)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := EndTask(x.StateDir(), begun); !errors.Is(err, ErrInUse) {
		t.Errorf("while somebody has it: %v", err)
	}
	unlock()
	if _, err := os.Lstat(filepath.Join(x.state.Task(begun), state.EndedFile)); err == nil {
		t.Error("an end was written")
	}

	r := x.newRun(hog("exit", "0"), nil)
	if _, err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.unlock()
	ended, err := EndTask(x.StateDir(), r.id)
	if err != nil || ended.Verdict.Code != CodeNeverStarted {
		t.Errorf("without an attempt: %+v, %v", ended, err)
	}
}

// What would have been tried again says so.
func TestHintUntried(t *testing.T) {
	attempts := func(classes ...Class) (all []Attempt) {
		for i, c := range classes {
			all = append(all, Attempt{Number: i + 1, Verdict: Verdict{Class: c}})
		}
		return all
	}
	retries := func(n int) Task { return Task{Retries: Retries{Count: n}} }
	more := Task{OOMRetry: &OOMRetry{}}
	for _, tc := range []struct {
		name string
		task Task
		ends []Attempt
		want string // "": nothing is said
	}{
		{"no policy", retries(0), attempts(Failed), ""},
		{"the first of three", retries(2), attempts(Failed), "2 of 2 retries left"},
		{"the second of three", retries(2), attempts(Failed, Timeout), "1 of 2 retries left"},
		{"the last", retries(2), attempts(Failed, Failed, Failed), ""},
		{"a system's retry uses up none", retries(1), attempts(Interrupted, Failed), "1 of 1 retries left"},
		{"success", retries(2), attempts(Failed, Succeeded), ""},
		{"aborted", retries(2), attempts(Aborted), ""},
		{"unknown", retries(2), attempts(Unknown), ""},
		{"out of memory", retries(1), attempts(OOM), "1 of 1 retries left"},
		{"out of memory, with more to come", more, attempts(OOM, OOM), "--override memory="},
		{"out of memory, all tried", more, attempts(OOM, OOM, OOM), ""},
		{"failed with more", more, attempts(OOM, Failed), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			last := len(tc.ends) - 1
			r := &run{task: tc.task, result: &Result{Attempts: tc.ends[:last]}}
			r.hintUntried(&tc.ends[last])
			hints := strings.Join(tc.ends[last].Verdict.Hints, "\n")
			if (hints == "") != (tc.want == "") || !strings.Contains(hints, tc.want) {
				t.Errorf("hints %q, want %q", hints, tc.want)
			}
		})
	}
}
