// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"drydock/internal/state"
	"drydock/resources"
)

// What was kept is read back as it was, also without the documents of the end,
// which a crash may have prevented.
func TestReadRecorded(t *testing.T) {
	x := newExecutor(t, nil)
	task := hog("touch", "100")
	task.Name = "train"
	task.Resources.Memory = resources.Of("64Mi")
	task.OOMRetry = &OOMRetry{Factor: 2, Attempts: 2}
	result, err := x.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	read := func() *Recorded {
		t.Helper()
		r, err := ReadRecorded(x.StateDir(), result.ID)
		if err != nil || len(r.Problems) > 0 {
			t.Fatalf("%v, problems %v", err, r.Problems)
		}
		return r
	}
	r := read()
	if r.ID != result.ID || r.Task.Name != "train" || r.Begun.IsZero() || len(r.Attempts) != 2 || !r.Attempts[1].HasOutcome || r.Attempts[1].Limits.Memory != 128<<20 {
		t.Errorf("recorded %+v", r)
	}
	diff(t, result.Document(), r.Result.Document())

	dir := filepath.Join(x.StateDir(), "tasks", result.ID)
	for _, name := range []string{state.EndedFile, "attempts/1/verdict.json", "attempts/2/outcome.json", "attempts/2/verdict.json"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r = read()
	first, second := r.Attempts[0], r.Attempts[1]
	if r.Result != nil || !first.HasVerdict || second.HasOutcome || second.HasVerdict {
		t.Errorf("after a crash: %+v", r)
	}
	want := result.Attempts[0].Verdict
	diff(t, want, first.Verdict)
	if _, err := os.Stat(filepath.Join(dir, "attempts/1/verdict.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("reading has written a verdict")
	}
}

func TestReadRecordedOfNone(t *testing.T) {
	x := newExecutor(t, nil)
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{id, "", "../../x"} {
		if _, err := ReadRecorded(x.StateDir(), id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
