// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox/native/shimapi"
)

// Directories with mounts below are made anew, all others get a layer.
func TestDivide(t *testing.T) {
	root := t.TempDir()
	at := func(path string) string { return filepath.Join(root, path) }
	for _, dir := range []string{"usr/bin", "home/me/mnt", "home/other", "srv/data", "net/share/below", "kernel"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("home/me/notes"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("usr/bin", at("bin")); err != nil {
		t.Fatal(err)
	}
	d := division{
		points: []string{"/", at("home/me/mnt"), at("srv/data"), at("net"), at("net/share/below"), at("kernel")},
		mounts: []hostMount{{point: at("home/me/mnt"), fstype: "xfs"}, {point: at("srv/data"), fstype: "ext4"}, {point: at("net"), fstype: "nfs4"}},
	}
	d.divide(root)
	slices.SortFunc(d.mounts, func(a, b hostMount) int { return strings.Compare(a.point, b.point) })
	want := []hostMount{
		{point: at("home/me/mnt"), fstype: "xfs"},
		{point: at("home/me/notes"), file: true},
		{point: at("home/other"), fstype: plain, mode: 0o755},
		{point: at("net"), fstype: recursive},
		{point: at("srv/data"), fstype: "ext4"},
		{point: at("usr"), fstype: plain, mode: 0o755},
	}
	if diff := cmp.Diff(want, d.mounts, cmp.AllowUnexported(hostMount{})); diff != "" {
		t.Error(diff)
	}
	dirs := []shimapi.Dir{{Path: at("home"), Mode: 0o755}, {Path: at("home/me"), Mode: 0o755}, {Path: at("kernel"), Mode: 0o755}, {Path: at("srv"), Mode: 0o755}}
	if diff := cmp.Diff(dirs, d.dirs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]shimapi.Link{{Path: at("bin"), Target: "usr/bin"}}, d.links); diff != "" {
		t.Error(diff)
	}
}

// A directory with very many entries is not taken apart.
func TestDivideCrowded(t *testing.T) {
	root := t.TempDir()
	for i := range manyEntries + 1 {
		if err := os.MkdirAll(filepath.Join(root, "much", fmt.Sprint(i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	below := filepath.Join(root, "much", "7")
	d := division{points: []string{below}, mounts: []hostMount{{point: below, fstype: "ext4"}}}
	d.divide(root)
	want := []hostMount{{point: filepath.Join(root, "much"), fstype: recursive}}
	if diff := cmp.Diff(want, d.mounts, cmp.AllowUnexported(hostMount{})); diff != "" {
		t.Error(diff)
	}
}
