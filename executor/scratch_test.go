// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// The scratch directory comes before the task's own mounts, is the working
// directory where none is named, and is gone with the attempt.
func TestScratch(t *testing.T) {
	given := t.TempDir()
	for _, tc := range []struct {
		name, scratch, workDir string
		environment            *Environment
		want                   string // the working directory
	}{
		{name: "where it starts", scratch: "/tmp/own", want: "/tmp/own"},
		{name: "not clean", scratch: "/tmp//x/../own/", want: "/tmp/own"},
		{name: "a working directory is named", scratch: "/tmp/own", workDir: given, want: given},
		{name: "so by the environment", scratch: "/tmp/own", environment: &Environment{WorkDir: given}, want: given},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var seen sandbox.Spec
			fake := &sandboxtest.Fake{Edit: func(spec sandbox.Spec, _ *sandbox.Outcome) error {
				seen = spec
				info, err := os.Stat(spec.Mounts[0].Source)
				if err != nil || info.Mode().Perm() != 0o777 {
					t.Errorf("the directory: %v, %v", info, err)
				}
				return os.WriteFile(filepath.Join(spec.Mounts[0].Source, "file"), nil, 0o600)
			}}
			task := hog("exit", "0")
			task.Scratch, task.WorkDir, task.Environment = tc.scratch, tc.workDir, tc.environment
			task.Mounts = []sandbox.Mount{{Source: given, Target: "/tmp/own/given"}}
			result, err := newExecutor(t, nil).Run(t.Context(), task, WithSandbox(fake))
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(result.Attempts[0].Dir, "work")
			diff(t, []sandbox.Mount{{Source: dir, Target: "/tmp/own"}, task.Mounts[0]}, seen.Mounts)
			if seen.WorkDir != tc.want {
				t.Errorf("it starts in %s, want %s", seen.WorkDir, tc.want)
			}
			if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
	for _, bad := range []string{"relative", "/", "/..", "/a\x00b"} {
		task := hog("exit", "0")
		task.Scratch = bad
		if _, err := newExecutor(t, nil).Run(t.Context(), task); !isA(func(*RefusedError) bool { return true })(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// An id that was written down before is the task's, once.
func TestWithID(t *testing.T) {
	x := newExecutor(t, nil)
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	result, err := x.Run(t.Context(), hog("exit", "0"), WithID(id))
	if err != nil || result.ID != id || result.Attempts[0].Dir != x.AttemptDir(id, 1) {
		t.Fatalf("%v, id %s in %s", err, result.ID, result.Attempts[0].Dir)
	}
	for _, bad := range []string{id, "", "../../x", "01JZZZZZZZZZZZZZZZZZZZZZZ!"} {
		result, err := x.Run(t.Context(), hog("exit", "1"), WithID(bad))
		if !isA(func(*RefusedError) bool { return true })(err) || len(result.Attempts) != 0 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if result, err := x.Adopt(t.Context(), id); err != nil || result.Verdict.Class != Succeeded {
		t.Errorf("the first task's end was overwritten: %v", err)
	}
	if x.AttemptDir("..", 1) != "" || x.AttemptDir(id, 0) != "" {
		t.Error("a directory for no attempt")
	}
}

// The scratch directory of an attempt whose process was killed goes with its
// recovery: before anything was said of the attempt, and when it ran.
func TestScratchOfTheDead(t *testing.T) {
	for name, forget := range map[string][]string{
		"it never began": {"demand.json", "spec.json", "outcome.json"},
		"it ran":         {"verdict.json"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExecutor(t, nil)
			task := hog("exit", "0")
			task.Scratch = "/tmp/own"
			ran, err := x.Run(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			dir := ran.Attempts[0].Dir
			for _, gone := range append([]string{"../../ended.json"}, forget...) {
				if err := os.Remove(filepath.Join(dir, gone)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			work := filepath.Join(dir, "work")
			if err := os.MkdirAll(filepath.Join(work, "full"), 0o700); err != nil {
				t.Fatal(err)
			}
			next := newExecutor(t, func(c *Config) { c.Sandbox, c.StateDir = &sandboxtest.Fake{}, x.StateDir() })
			if _, err := next.Adopt(t.Context(), ran.ID); (name == "it ran") != (err == nil) {
				t.Error(err)
			}
			if _, err := os.Lstat(work); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the scratch directory: %v", err)
			}
		})
	}
}
