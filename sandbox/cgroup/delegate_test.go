// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeUnified is a directory that looks like cgroup v2 with these groups.
func fakeUnified(t *testing.T, groups ...string) Hierarchy {
	t.Helper()
	root := t.TempDir()
	for _, g := range groups {
		dir := filepath.Join(root, g)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"cgroup.procs": "", "cgroup.subtree_control": "", "cgroup.controllers": "cpu memory pids"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Hierarchy{Version: 2, Unified: root, Base: StandardBase}
}

func TestDelegatedAt(t *testing.T) {
	h := fakeUnified(t, "user/a.scope", "user/a.scope/"+keepers, "user/marked.service")
	if err := unix.Setxattr(filepath.Join(h.Unified, "user/marked.service"), "user.delegate", []byte("1"), 0); err != nil {
		t.Logf("no marks here: %v", err)
	}
	canMark := marked(filepath.Join(h.Unified, "user/marked.service"))
	for _, tc := range []struct {
		name, own string
		want      Delegation
		missing   bool
	}{
		{"writable", "/user/a.scope", Delegation{Path: "user/a.scope"}, false},
		{"moved into before", "/user/a.scope/" + keepers, Delegation{Path: "user/a.scope", Marked: true}, false},
		{"marked by systemd", "/user/marked.service", Delegation{Path: "user/marked.service", Marked: canMark}, false},
		{"not ours", "/user/other.scope", Delegation{Path: "user/other.scope"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := h.delegatedAt(tc.own)
			if got != tc.want || (err != nil) != tc.missing {
				t.Errorf("delegatedAt = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestBelow(t *testing.T) {
	h := Hierarchy{Version: 2, Unified: "/c", Base: "drydock-1234"}.Below(Delegation{Path: "user/a.scope"})
	if h.Base != "user/a.scope/drydock-1234" || h.Owned != "user/a.scope" {
		t.Errorf("Below = %+v", h)
	}
	if got := h.Group("x.1").RuntimePath(); got != "/user/a.scope/drydock-1234/x.1/task" {
		t.Errorf("the task's group is %s", got)
	}
}

// What a task cannot do without must be passed on.
func TestSettleNamesMissingControllers(t *testing.T) {
	h := fakeUnified(t, "a.scope").Below(Delegation{Path: "a.scope"})
	if err := os.WriteFile(filepath.Join(h.Unified, "a.scope/cgroup.controllers"), []byte("cpu pids\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	missing, ok := errors.AsType[*MissingControllersError](h.Settle())
	if !ok || len(missing.Want) != 1 || missing.Want[0] != "memory" {
		t.Errorf("Settle names %+v, want memory", missing)
	}
	if !h.Has("cpu") || h.Has("memory") {
		t.Error("Has does not look into the delegated group")
	}
}
