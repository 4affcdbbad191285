// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
	"drydock/sandbox"
)

// tiny mounts a file system of 8 MiB.
func tiny(t *testing.T) string {
	t.Helper()
	need.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,nr_inodes=16"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A file system that was full while the program ran is told, also when there
// is room again at the end.
func TestFullDiskIsSeen(t *testing.T) {
	a, _, _ := onDisk(t)
	mount := tiny(t)
	a.Config.Spec.Mounts = []sandbox.Mount{{Source: mount, Target: "/data"}}
	a.rooms.start(a)
	path := filepath.Join(mount, "x")
	if err := os.WriteFile(path, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for seen := false; !seen; time.Sleep(time.Millisecond) { // the test's own deadline ends it
		a.rooms.mu.Lock()
		seen = len(a.rooms.full) > 0
		a.rooms.mu.Unlock()
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	a.rooms.settle(a)
	if all := a.Outcome.FullDisks; len(all) != 1 || all[0].Path != mount || all[0].Size != 8<<20 || all[0].Free != 0 || all[0].NoFiles {
		t.Errorf("got %+v", all)
	}
}

// No inode is as good as no room.
func TestNoInode(t *testing.T) {
	dir := tiny(t)
	for i := range 32 {
		if os.WriteFile(filepath.Join(dir, string(rune('a'+i))), nil, 0o600) != nil {
			break
		}
	}
	if d, full := fullDisk(dir); !full || !d.NoFiles || d.Free < 7<<20 {
		t.Errorf("got %+v, %v", d, full)
	}
}

// Each file system that may be written to is looked at once.
func TestFileSystems(t *testing.T) {
	a, b := t.TempDir(), tiny(t)
	sub := filepath.Join(b, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	readOnly := tiny(t)
	if err := unix.Mount("", readOnly, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	got := fileSystems([]string{a, b, sub, readOnly, filepath.Join(a, "gone")})
	if len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("got %v", got)
	}
}

// An attempt that never ran has nothing to tell.
func TestRoomsNeverStarted(t *testing.T) {
	a, _, _ := onDisk(t)
	a.rooms.settle(a)
	if a.Outcome.FullDisks != nil || a.Outcome.Disk != nil {
		t.Errorf("got %+v", a.Outcome)
	}
}

// A file system that is slow to answer is asked less often.
func TestRoomPause(t *testing.T) {
	for _, c := range []struct {
		changed    bool
		took, want time.Duration
	}{
		{false, time.Microsecond, roomIdle},
		{true, time.Microsecond, roomBusy},
		{true, 10 * time.Millisecond, 190 * time.Millisecond},
		{false, time.Second, 19 * time.Second},
	} {
		if got := roomPause(c.changed, c.took); got != c.want {
			t.Errorf("changed %v, took %v: %v, want %v", c.changed, c.took, got, c.want)
		}
	}
}

// One slow look among quick ones is the machine's doing, not the file system's.
func TestPace(t *testing.T) {
	var p pace
	var got []time.Duration
	for _, took := range []time.Duration{5, 5, 5, 7, 400, 6, 900, 900, 900, 900} {
		got = append(got, p.cost(took))
	}
	if want := []time.Duration{0, 0, 0, 5, 5, 5, 6, 6, 6, 900}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}
