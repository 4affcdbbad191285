// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/sandbox"
)

const testID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"

func TestLease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "leases")
	spec := sandbox.Spec{ID: testID, Attempt: 2, Dir: "/attempt"}
	name := groupName(spec)
	f, err := takeLease(dir, name, spec)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o777 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("lease directory: %v, %v", info.Mode(), err)
	}
	if _, err := takeLease(dir, name, spec); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second lease of one attempt: %v", err)
	}
	path := filepath.Join(dir, name)
	if _, _, dead := inspectLease(path); dead {
		t.Error("a held lease counts as dead")
	}
	f.Close()
	_, stray, dead := inspectLease(path)
	if !dead || stray != (Stray{ID: testID, Attempt: 2, Dir: "/attempt"}) {
		t.Errorf("after the holder's end: %+v, dead %v", stray, dead)
	}
}

// Cleaning in one lease directory must not touch the groups of another.
func TestLeaseDirsHaveBasesOfTheirOwn(t *testing.T) {
	machine, test := groupBase(standardLeaseDir), groupBase("/tmp/other")
	if machine != "drydock" || test == machine || !strings.HasPrefix(test, "drydock-") {
		t.Errorf("bases %q and %q", machine, test)
	}
}

func TestFindShim(t *testing.T) {
	dir := t.TempDir()
	shim := filepath.Join(dir, "drydock-shim")
	if _, err := findShim(shim); err == nil || !strings.Contains(err.Error(), "does not exist") || !strings.Contains(err.Error(), "DRYDOCK_SHIM") {
		t.Errorf("missing shim: %v", err)
	}
	if err := os.WriteFile(shim, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := findShim(shim); err == nil || !strings.Contains(err.Error(), "not an executable") {
		t.Errorf("shim without the execute bit: %v", err)
	}
	if err := os.Chmod(shim, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DRYDOCK_SHIM", shim)
	if got, err := findShim(""); err != nil || got != shim {
		t.Errorf("DRYDOCK_SHIM: %s, %v", got, err)
	}
}
