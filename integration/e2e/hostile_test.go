// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A state directory inside the working directory: the task must not be able to
// move it away and have drydock, which is root, write through a link of its own.
func TestStateCannotBeMovedAway(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	work := h.work(t)
	state := filepath.Join(work, "deep", "state")
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("untouched\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `id=$(sed -n 's#.*memory:/[^/]*/\(.*\)\.1$#\1#p; s#^0::.*/\(.*\)\.1/task$#\1#p' /proc/self/cgroup | head -n 1)
mv deep old && echo moved deep; mv deep/state deep/old && echo moved state; mv deep/state/tasks deep/state/old && echo moved tasks
cd deep/state; ln -s /etc runs 2>/dev/null && echo linked runs; rm -f history.db.lock retained version; mkdir objects 2>/dev/null && echo made objects; cd ../..
mkdir -p deep/state/tasks/$id/attempts/1 2>/dev/null && ln -s "$1" deep/state/tasks/$id/attempts/1/outcome.json.tmp
exit 4`
	r := h.run(t, "run", "--state-dir", state, "--memory", "64Mi", "--json", "--", "sh", "-c", script, "sh", precious)
	r.want(t, 4, "failed")
	if out := r.output("stdout"); out != "" {
		t.Errorf("the task says %q", out)
	}
	if content, err := os.ReadFile(precious); err != nil || string(content) != "untouched\n" {
		t.Errorf("a host file holds %q now, %v", content, err)
	}
	if content, err := os.ReadFile(filepath.Join(state, "version")); err != nil || len(content) == 0 {
		t.Errorf("the version is %q, %v", content, err)
	}
}

// What others put into the lease directory makes drydock neither delete nor wait.
func TestForgedLease(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
	victim := t.TempDir()
	kept := filepath.Join(victim, "layers", "kept")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	forged := filepath.Join(h.leases(), id+".1")
	if err := os.WriteFile(forged, []byte(`{"version":1,"id":"`+id+`","attempt":1,"dir":"`+victim+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(forged, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(h.leases(), "01ARZ3NDEKTSV4RRFFQ69G5FAW.1"), 0o644); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the run waited %s", took)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("somebody else's lease had a directory deleted: %v", err)
	}
}

// The host's read-only and noexec mounts stay what they are when they are bound.
func TestMountFlagsAreKept(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\necho ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOEXEC, ""); err != nil {
		t.Fatal(err)
	}
	r := h.run(t, "run", "--memory", "64Mi", "--json", "-v", dir+":/data", "--", "sh", "-c", "touch /data/x && echo wrote; /data/script; exit 5")
	r.want(t, 5, "failed")
	if out := r.output("stdout"); strings.Contains(out, "wrote") || strings.Contains(out, "ran") {
		t.Errorf("the task says %q", out)
	}
}
