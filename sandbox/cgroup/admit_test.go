// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

// What is left of an earlier group goes, and one that systemd has just made for
// somebody stays.
func TestVacate(t *testing.T) {
	for passes, left := range map[string]bool{"": true, "\n": true, "cpu memory pids\n": false} {
		h := Hierarchy{Version: 2, Unified: t.TempDir(), Owned: "drydock.slice/x.scope"}
		if err := os.MkdirAll(h.Keepers(), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.Unified, h.Owned, "cgroup.subtree_control"), []byte(passes), 0o644); err != nil {
			t.Fatal(err)
		}
		_ = h.Vacate() // here the kernel's files keep the directory itself
		if _, err := os.Stat(h.Keepers()); (err == nil) != left {
			t.Errorf("with %q passed on: %v", passes, err)
		}
	}
}
