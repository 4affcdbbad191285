// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

const testID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"

func TestLease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "leases")
	attempt := t.TempDir()
	if err := os.Chmod(attempt, 0o700); err != nil {
		t.Fatal(err)
	}
	spec := sandbox.Spec{ID: testID, Attempt: 2, Dir: attempt}
	name := groupName(spec)
	f, err := takeLease(dir, name, "", spec)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o777 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("lease directory: %v, %v", info.Mode(), err)
	}
	if _, err := takeLease(dir, name, "", spec); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second lease of one attempt: %v", err)
	}
	path := filepath.Join(dir, name)
	if _, _, dead := inspectLease(path); dead {
		t.Error("a held lease counts as dead")
	}
	f.Close()
	_, stray, dead := inspectLease(path)
	if !dead || stray != (Stray{ID: testID, Attempt: 2, Dir: attempt}) {
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

// The directory is open to everybody: what lies there must not make us delete,
// wait or kill.
func TestHostileLeases(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "leases")
	if err := makeLeaseDir(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, testID+".1")
	public := t.TempDir()
	if err := os.Chmod(public, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"directory that others may write": `{"version":1,"id":"` + testID + `","attempt":1,"dir":"` + public + `"}`,
		"relative directory":              `{"version":1,"id":"` + testID + `","attempt":1,"dir":"x"}`,
		"another id":                      `{"version":1,"id":"x","attempt":1,"dir":"/"}`,
		"garbage":                         "\x00",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if held, stray, dead := inspectLease(path); !dead || stray.Dir != "" {
			t.Errorf("%s: %+v, dead %v", name, stray, dead)
		} else {
			held.Close()
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, dead := inspectLease(path); dead {
		t.Error("a pipe counts as a dead lease")
	}
	if err := os.Chmod(dir, 0o777); err != nil { // not sticky
		t.Fatal(err)
	}
	if err := makeLeaseDir(dir); err == nil {
		t.Error("a directory that everybody may write, and not sticky, is trusted")
	}
}
