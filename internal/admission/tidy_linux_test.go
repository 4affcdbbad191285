// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drydock/sandbox/supervise/client"
)

// Drafts of the dead go, and of the living stay; so does what is no file of the
// directory's, and a dead lease: its sandbox's are to remove that.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	dead, alive, foreign := client.DraftPrefix+"1", client.DraftPrefix+"2", "notes"
	for _, name := range []string{dead, foreign} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	heldFile(t, dir, alive, "")
	lease := deadLease(t, dir, 1, 1)
	if err := Tidy(dir); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{dead: false, alive: true, foreign: true, lease: true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) == stays {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, alive)); err != nil {
		t.Error("looking removed something")
	}
}
