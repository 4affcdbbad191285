// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/sandbox"
)

// fakeSlice is a slice's directory, as systemd leaves it.
func fakeSlice(t *testing.T) (h Hierarchy, name, dir string) {
	t.Helper()
	h, name = Hierarchy{Version: 2, Unified: t.TempDir(), Base: Slice}, "drydock-x.1.slice"
	dir = filepath.Join(h.Unified, Slice, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"memory.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"} {
		putFile(t, filepath.Join(dir, file), "")
	}
	putFile(t, filepath.Join(dir, "memory.oom.group"), "0")
	return h, name, dir
}

func putFile(t *testing.T, path, value string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTakeParent(t *testing.T) {
	for together, state := range map[bool]string{true: "1", false: "0"} {
		h, name, dir := fakeSlice(t)
		g, err := h.TakeParent(name, sandbox.Limits{Memory: 64 << 20, GroupKill: together})
		if err != nil {
			t.Fatal(err)
		}
		if g.Path() != "/drydock.slice/drydock-x.1.slice" {
			t.Errorf("the group is %s", g.Path())
		}
		for file, want := range map[string]string{
			"memory.max": "67108864", "memory.oom.group": state, "hugetlb.2MB.max": "0", "hugetlb.2MB.rsvd.max": "0",
		} {
			if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
				t.Errorf("together %v: %s is %q, %v; want %q", together, file, got, err, want)
			}
		}
	}
	h, name, dir := fakeSlice(t)
	if err := os.Remove(filepath.Join(dir, "memory.max")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.TakeParent(name, sandbox.Limits{Memory: 64 << 20}); err == nil {
		t.Error("nobody missed the memory controller")
	}
}

// What somebody else writes is taken back, each time, until the stop.
func TestKeepTogether(t *testing.T) {
	h, name, dir := fakeSlice(t)
	file := filepath.Join(dir, "memory.oom.group")
	stop, err := h.Parent(name).KeepTogether()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if got, _ := os.ReadFile(file); string(got) == "1" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("it was never taken back")
			}
		}
		putFile(t, file, "0")
	}
	stop()
	putFile(t, file, "0")
	time.Sleep(20 * time.Millisecond)
	if got, _ := os.ReadFile(file); string(got) != "0" {
		t.Errorf("after the stop it was set to %q", got)
	}
	if _, err := h.Parent("drydock-y.1.slice").KeepTogether(); err == nil {
		t.Error("a group that is not there can be kept")
	}
}
