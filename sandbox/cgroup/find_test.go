// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for _, dir := range []string{
		"drydock/" + id + ".1/container",
		"drydock.slice/drydock-" + id + ".2.slice/docker-1.scope",
		"user.slice/x.scope/drydock/" + id + ".10",
		"docker/" + id + ".1x",
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		id + ".1":  "drydock/" + id + ".1",
		id + ".2":  "drydock.slice/drydock-" + id + ".2.slice",
		id + ".10": "user.slice/x.scope/drydock/" + id + ".10",
		id + ".3":  "",
		id:         "",
	} {
		if want != "" {
			want = filepath.Join(root, want)
		}
		if got := find(root, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	inside := filepath.Join(root, "drydock.slice", "drydock-"+id+".2.slice")
	if err := os.WriteFile(filepath.Join(inside, "cgroup.procs"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if Inhabited(inside) {
		t.Error("an empty group has processes")
	}
	if err := os.WriteFile(filepath.Join(inside, "docker-1.scope", "cgroup.procs"), []byte("7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !Inhabited(inside) {
		t.Error("the processes of a group below are not seen")
	}
}
