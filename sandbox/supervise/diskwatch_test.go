// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/disk"
	"drydock/sandbox/supervise/wire"
)

// signalled is a box that only notes what it was sent.
type signalled struct {
	Box
	got []unix.Signal
}

func (b *signalled) PID() int               { return 0 }
func (b *signalled) Signal(sig unix.Signal) { b.got = append(b.got, sig) }

// onDisk is an attempt that runs and may have 1 MiB of disk, and its layer.
func onDisk(t *testing.T) (a *Attempt, box *signalled, layer string) {
	t.Helper()
	dir := shortDir(t)
	layer = filepath.Join(dir, "layer")
	if err := os.Mkdir(layer, 0o755); err != nil {
		t.Fatal(err)
	}
	control, _ := started(t, dir)
	box = &signalled{}
	a = &Attempt{Config: &wire.Config{Dir: dir, Spec: sandbox.Spec{Limits: sandbox.Limits{Disk: 1 << 20}}}, Control: control, Box: box,
		DiskPlaces: func() disk.Places {
			return disk.Places{Places: []disk.Place{{Kind: disk.Layer, Path: layer, Inside: "/"}}}
		}}
	a.Outcome.StartedAt = time.Now()
	return a, box, layer
}

func fillFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What it was evicted for stays the evidence, although it is gone at the end.
func TestDiskEvicts(t *testing.T) {
	a, box, layer := onDisk(t)
	fillFile(t, layer+"/x")
	a.disk.start(a)
	if !a.disk.noted(a, <-a.disk.seen) {
		t.Error("the look that evicts is no point of the timeline")
	}
	if err := os.Remove(layer + "/x"); err != nil {
		t.Fatal(err)
	}
	a.disk.noted(a, <-a.disk.seen)
	a.disk.settle(a)
	if len(box.got) != 1 || box.got[0] != unix.SIGKILL || len(a.Outcome.Stops) != 1 || a.Outcome.Stops[0].Reason != sandbox.StopEvict {
		t.Errorf("sent %v, stops %+v", box.got, a.Outcome.Stops)
	}
	if d := a.Outcome.Disk; d == nil || d.Used < 2<<20 {
		t.Errorf("disk %+v", d)
	}
}

// The last look finds what was written since the one before, and evicts nobody.
// The log and the task's own directory are looked at in every sandbox.
func TestDiskAtTheEnd(t *testing.T) {
	a, box, layer := onDisk(t)
	work := filepath.Join(a.Config.Dir, wire.WorkDir)
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	a.Config.Spec.Mounts = []sandbox.Mount{{Source: work, Target: "/mine"}}
	a.disk.start(a)
	for _, path := range []string{layer + "/x", work + "/x", filepath.Join(a.Config.Dir, wire.LogFile)} {
		fillFile(t, path)
	}
	a.disk.settle(a)
	d := a.Outcome.Disk
	if len(box.got) > 0 || d == nil || d.Layer < 2<<20 || d.Scratch < 2<<20 || d.Log != 2<<20 || d.Peak < 6<<20 {
		t.Errorf("sent %v, disk %+v", box.got, d)
	}
}

// Without a limit, or a place to look at, nothing is measured.
func TestDiskUnlimited(t *testing.T) {
	for name, change := range map[string]func(*Attempt){
		"no limit":  func(a *Attempt) { a.Config.Spec.Limits.Disk = 0 },
		"no places": func(a *Attempt) { a.DiskPlaces = nil },
	} {
		t.Run(name, func(t *testing.T) {
			a, _, _ := onDisk(t)
			change(a)
			a.disk.start(a)
			a.disk.settle(a)
			if a.Outcome.Disk != nil || a.disk.used() != nil {
				t.Errorf("disk %+v", a.Outcome.Disk)
			}
		})
	}
}

// A slow growth makes few points beside the samples: a new peak does, when it
// is worth a look.
func TestDiskPoints(t *testing.T) {
	w, points := &diskWatch{}, 0
	for used := range int64(100_000) {
		if w.higher(sandbox.Disk{Limit: 100_000, Used: used}) {
			points++
		}
	}
	if points != 99 || w.higher(sandbox.Disk{Limit: 100_000, Used: 5_000}) {
		t.Errorf("%d points", points)
	}
}
