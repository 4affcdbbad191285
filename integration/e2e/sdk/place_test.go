// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// secrets is a directory with the one secret that the programs want.
func secrets(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.scratch, "secrets-")
	if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "proof-secret"), []byte("hush\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What is refused is refused at once and by name.
func TestRefused(t *testing.T) {
	s := own(t, "--secrets", secrets(t))
	s.prove(t, nil, "refused.py")
	out := s.drydock(t, "status", "--json").succeed(t)
	want(t, out, `"running":0`)
}

// Values of all kinds, a secret in a file among them.
func TestValues(t *testing.T) { own(t, "--secrets", secrets(t)).prove(t, nil, "values.py") }

// A task has a place of its own, with the user's Python in it.
func TestPlace(t *testing.T) {
	s := shared.server(t, newest)
	facts := s.prove(t, nil, "place.py")
	if got := fact(t, facts, "python"); got != s.venv {
		t.Errorf("the task's Python is %s, want %s", got, s.venv)
	}
	t.Logf("a task finds its Python's directory %s", fact(t, facts, "prefix"))
	if _, err := os.Stat(filepath.Join(s.venv, "mark")); err == nil {
		t.Error("a task wrote into the user's environment")
	}
}
