// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

const testID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"

func TestLease(t *testing.T) {
	dir := Leases(filepath.Join(t.TempDir(), "leases"))
	attempt := t.TempDir()
	if err := os.Chmod(attempt, 0o700); err != nil {
		t.Fatal(err)
	}
	spec := sandbox.Spec{ID: testID, Attempt: 2, Dir: attempt}
	name := Name(spec)
	f, err := dir.Take(spec, "", "some")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(string(dir)); err != nil || info.Mode().Perm() != 0o777 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("lease directory: %v, %v", info.Mode(), err)
	}
	if _, err := dir.Take(spec, "", "some"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second lease of one attempt: %v", err)
	}
	if _, _, dead := dir.Inspect(name); dead {
		t.Error("a held lease counts as dead")
	}
	f.Close()
	_, lease, dead := dir.Inspect(name)
	if want := (Lease{ID: testID, Attempt: 2, Dir: attempt, Sandbox: "some"}); !dead || !reflect.DeepEqual(lease, want) {
		t.Errorf("after the holder's end: %+v, dead %v", lease, dead)
	}
}

// Cleaning in one lease directory must not touch the groups of another.
func TestLeaseDirsHaveBasesOfTheirOwn(t *testing.T) {
	machine, test := Leases(standardLeaseDir).GroupBase(), Leases("/tmp/other").GroupBase()
	if machine != "drydock" || test == machine || !strings.HasPrefix(test, "drydock-") {
		t.Errorf("bases %q and %q", machine, test)
	}
}

// The directory is open to everybody: what lies there must not make us delete,
// wait or kill.
func TestHostileLeases(t *testing.T) {
	dir := Leases(filepath.Join(t.TempDir(), "leases"))
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	path := dir.Path(testID + ".1")
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
		if held, lease, dead := dir.Inspect(testID + ".1"); !dead || lease.Dir != "" {
			t.Errorf("%s: %+v, dead %v", name, lease, dead)
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
	if _, _, dead := dir.Inspect(testID + ".1"); dead {
		t.Error("a pipe counts as a dead lease")
	}
	if err := os.Chmod(string(dir), 0o777); err != nil { // not sticky
		t.Fatal(err)
	}
	if err := dir.Make(); err == nil {
		t.Error("a directory that everybody may write, and not sticky, is trusted")
	}
}
