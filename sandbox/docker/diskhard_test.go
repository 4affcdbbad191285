// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/sandbox"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
)

// hardSpec may take 1 GiB of disk, where a write beyond it fails.
func hardSpec(t *testing.T, ownDir bool) sandbox.Spec {
	t.Helper()
	spec := sandbox.Spec{ID: "X", Attempt: 1, Dir: t.TempDir(), Limits: sandbox.Limits{Disk: 1 << 30, DiskEnforce: sandbox.DiskHard}}
	if ownDir {
		spec.Mounts = []sandbox.Mount{{Source: filepath.Join(spec.Dir, "work"), Target: "/work"}}
	}
	return spec
}

// What cannot be held is refused, with what to do.
func TestHardRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		info   engine.Info
		ownDir bool
		why    string
	}{
		"far":              {engine.Info{StorageDriver: "overlay2"}, true, "another machine"},
		"nothing to hold":  {engine.Info{Local: true, StorageDriver: "vfs", RootDir: t.TempDir()}, false, "by vfs"},
		"containerd store": {engine.Info{Local: true, StorageDriver: "overlayfs", RootDir: t.TempDir()}, false, "by overlayfs"},
		"too little":       {engine.Info{Local: true, StorageDriver: "overlay2", RootDir: t.TempDir()}, true, "1024 bytes"},
	} {
		spec := hardSpec(t, tc.ownDir)
		if name == "too little" {
			spec.Limits.Disk = 1024
		}
		_, err := planDisk(tc.info, spec)
		refused, ok := errors.AsType[*sandbox.SpecError](err)
		if !ok || !strings.Contains(refused.Reason, tc.why) || !strings.Contains(refused.Remedy, "--disk-enforce=evict") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Where only the task's own directory is held, the layer is named as polled.
func TestHardIsNamed(t *testing.T) {
	info, spec := engine.Info{Local: true, StorageDriver: "vfs", RootDir: t.TempDir()}, hardSpec(t, true)
	if _, err := hard.Find(spec.Dir); err != nil { // an ordinary user's
		table := diskEnforcement(info, spec)
		if len(table) != 1 || table[0].State != sandbox.NotEnforced || !strings.Contains(table[0].Why, "root") {
			t.Errorf("got %+v", table)
		}
		return
	}
	table := diskEnforcement(info, spec)
	i := slices.IndexFunc(table, func(e sandbox.Enforcement) bool { return e.Limit == "disk-layer" })
	if len(table) != 2 || table[0].Limit != "disk" || table[0].State != sandbox.Enforced || !strings.Contains(table[0].Why, "own directory alone") ||
		i < 0 || table[i].State != sandbox.NotEnforced || !strings.Contains(table[i].Why, "vfs") {
		t.Errorf("got %+v", table)
	}
	if os.Geteuid() == 0 {
		info.StorageDriver = "overlay2"
		if table = diskEnforcement(info, spec); len(table) != 2 || table[1].State != sandbox.Emulated {
			t.Errorf("got %+v", table)
		}
	}
}

// Without a hard limit nothing is planned.
func TestHardNotAsked(t *testing.T) {
	spec := hardSpec(t, true)
	for _, change := range []func(*sandbox.Limits){
		func(l *sandbox.Limits) { l.Disk = 0 },
		func(l *sandbox.Limits) { l.DiskEnforce = sandbox.DiskEvict },
		func(l *sandbox.Limits) { l.DiskEnforce = "" },
	} {
		other := spec
		change(&other.Limits)
		if p, err := planDisk(engine.Info{}, other); p != nil || err != nil {
			t.Errorf("%+v: got %+v, %v", other.Limits, p, err)
		}
	}
}

// An engine with a mount namespace of its own does not see what is held; its
// words name a directory, and ours say why it is not there.
func TestHardUnseen(t *testing.T) {
	k := &keeper{plan: &plan{}, attempt: &supervise.Attempt{HeldWork: "/state/disk/data"}}
	failed := k.explain(errors.New("invalid mount config: bind source path does not exist: /state/disk/data"))
	if !strings.Contains(failed.Remedy, "--disk-enforce=evict") {
		t.Errorf("got %+v", failed)
	}
}
