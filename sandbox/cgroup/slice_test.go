// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"drydock/sandbox"
)

// systemd sets a slice's attributes anew when the container's scope starts in
// it; that all die together is then written again, for both.
func TestTakeParent(t *testing.T) {
	for _, together := range []bool{true, false} {
		root := t.TempDir()
		slice := filepath.Join(root, Slice, "drydock-x.1.slice")
		scope := filepath.Join(slice, "docker-0123.scope")
		if err := os.MkdirAll(scope, 0o755); err != nil {
			t.Fatal(err)
		}
		put := func(path, value string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want := func(path, value string) {
			t.Helper()
			if got, err := os.ReadFile(path); err != nil || string(got) != value {
				t.Errorf("together %v: %s is %q, %v; want %q", together, path, got, err, value)
			}
		}
		for _, name := range []string{"memory.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"} {
			put(filepath.Join(slice, name), "")
		}
		above, below := filepath.Join(slice, "memory.oom.group"), filepath.Join(scope, "memory.oom.group")
		put(above, "0")
		put(below, "0")

		h := Hierarchy{Version: 2, Unified: root, Base: Slice}
		g, err := h.TakeParent("drydock-x.1.slice", sandbox.Limits{Memory: 64 << 20, GroupKill: together})
		if err != nil {
			t.Fatal(err)
		}
		state := map[bool]string{true: "1", false: "0"}[together]
		want(above, state)
		want(filepath.Join(slice, "hugetlb.2MB.max"), "0")
		want(filepath.Join(slice, "hugetlb.2MB.rsvd.max"), "0")
		put(above, "0") // systemd
		for range 2 {
			if !g.FindLeaf("0123") || g.RuntimePath() != "/drydock.slice/drydock-x.1.slice/docker-0123.scope" {
				t.Errorf("the container's group is %s", g.RuntimePath())
			}
			want(above, state)
			want(below, state)
			put(above, "0") // and once more
		}
	}
}
