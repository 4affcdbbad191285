// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
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

// Those who look whether a lease is held do not keep it from who cleans up.
func TestInspectBesideLookers(t *testing.T) {
	dir := Leases(t.TempDir())
	spec := sandbox.Spec{ID: testID, Attempt: 1}
	f, err := dir.Take(spec, "", "some")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	quit := make(chan struct{})
	var lookers sync.WaitGroup
	for range 2 {
		lookers.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
					dir.Held(Name(spec))
				}
			}
		})
	}
	for i := range 5000 {
		held, _, dead := dir.Inspect(Name(spec))
		if held.Close(); !dead {
			t.Errorf("look %d takes a dead one's lease for held", i)
		}
	}
	close(quit)
	lookers.Wait()
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

// Held and Dead tell whose holder lives from whose does not, and a kill before
// a lease is complete leaves nothing.
func TestHeldAndDead(t *testing.T) {
	dir := Leases(filepath.Join(t.TempDir(), "leases"))
	spec := sandbox.Spec{ID: testID, Attempt: 1}
	name := Name(spec)
	if dir.Held(name) {
		t.Error("what is not there is held")
	}
	f, err := dir.Take(spec, "", "some")
	if err != nil {
		t.Fatal(err)
	}
	if dead, err := dir.Dead("some"); !dir.Held(name) || err != nil || len(dead) > 0 {
		t.Errorf("while it is held: dead %v, %v", dead, err)
	}
	f.Close()
	if dir.Held(name) {
		t.Error("it is held after its holder's end")
	}
	for sandbox, want := range map[string][]string{"some": {name}, "other": nil} {
		if dead, err := dir.Dead(sandbox); err != nil || !slices.Equal(dead, want) {
			t.Errorf("dead of %s: %v, %v", sandbox, dead, err)
		}
	}

	entries, err := os.ReadDir(string(dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the lease there is %v, %v", entries, err)
	}
}
