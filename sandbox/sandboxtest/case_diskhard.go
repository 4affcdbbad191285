// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/internal/leftover"
	"drydock/internal/need"
	"drydock/sandbox"
)

var diskHardCases = []testCase{
	{name: "C7-hard", kernel: true, test: hardStops},
	{name: "C8-hard", kernel: true, test: hardSpares},
	{name: "disk-hard-log", kernel: true, test: hardLog},
	{name: "disk-hard-burst", kernel: true, test: hardBurst},
	{name: "disk-hard-neighbours", kernel: true, test: hardNeighbours},
	{name: "disk-hard-layer", kernel: true, test: hardLayer},
	{name: "disk-hard-tidy", kernel: true, test: hardTidy},
	{name: "disk-hard-killed", kernel: true, test: hardKilled},
}

// hardSpec is diskSpec with a limit that stops the write.
func (s *suite) hardSpec(t testing.TB, words ...string) sandbox.Spec {
	t.Helper()
	spec := s.diskSpec(t, words...)
	spec.Limits.DiskEnforce = sandbox.DiskHard
	return spec
}

// heldPaths are directories below which a write is stopped at the limit.
func (s *suite) heldPaths() []string {
	if s.HardLayer {
		return []string{"/tmp", "/scratch"}
	}
	return []string{"/scratch"}
}

// wantStopped checks that the program saw a full disk, and lives or dies as it
// likes, and that what was held is the evidence.
func (s *suite) wantStopped(t *testing.T, e ended) {
	t.Helper()
	wantStops(t, e, "")
	s.wantQuiet(t, e)
	if e.Exit.Signal != "SIGBUS" {
		wantExit(t, e, 1, "")
		if !strings.Contains(e.stderr, "No space left on device") && !strings.Contains(e.stderr, "Disk quota exceeded") {
			t.Errorf("it said %q, nothing of a full disk", e.stderr)
		}
	}
	if e.Disk == nil || len(e.Disk.Hard) == 0 || e.Disk.Hard[0].Size != e.Disk.Limit {
		t.Fatalf("disk is %+v", e.Disk)
	}
	for _, h := range e.Disk.Hard {
		// XFS counts what it has reserved for a write, which may then not happen.
		if h.Peak > h.Size+mib || h.Used > h.Peak || h.Lost {
			t.Errorf("what was held is %+v", h)
		}
	}
	if len(e.FullDisks) > 0 {
		t.Errorf("the machine's own disk was not full: %+v", e.FullDisks)
	}
}

// fullest is what of the places that are held has most.
func fullest(d *sandbox.Disk) sandbox.HardDisk {
	if d == nil || len(d.Hard) == 0 {
		return sandbox.HardDisk{}
	}
	return slices.MaxFunc(d.Hard, func(a, b sandbox.HardDisk) int { return cmp.Compare(a.Peak, b.Peak) })
}

// The write beyond the limit fails, in whatever way it is made.
func hardStops(t *testing.T, s *suite) {
	for _, dir := range s.heldPaths() {
		for _, tc := range []struct {
			name  string
			words []string
			gone  bool // what filled it may be gone before a look
		}{
			{"write", []string{"fill", dir + "/x", "24"}, false},
			{"mmap", []string{"map", dir + "/x", "24"}, false},
			{"fallocate", []string{"fallocate", dir + "/x", "24"}, true},
			{"small files", []string{"many", dir + "/many", "6144"}, false},
			{"deleted and open", []string{"hold", dir + "/x", "24"}, true},
			{"in pieces", []string{"fill", dir + "/x", "10", "fill", dir + "/y", "10"}, false},
		} {
			t.Run(dir[1:]+" "+tc.name, func(t *testing.T) {
				e := s.do(t, s.hardSpec(t, tc.words...))
				s.wantStopped(t, e)
				if h := fullest(e.Disk); !tc.gone && h.Peak < 15*mib {
					t.Errorf("it was stopped at %d bytes", h.Peak)
				}
			})
		}
	}
}

// Below the limit nothing happens, and nobody is evicted who stands at it.
func hardSpares(t *testing.T, s *suite) {
	for _, dir := range s.heldPaths() {
		for _, tc := range []struct {
			name        string
			words       []string
			least, most int64 // MiB that the file system counts
		}{
			{"just below", []string{"fill", dir + "/x", "15"}, 15, 15},
			{"sparse", []string{"sparse", dir + "/x", "1000"}, 0, 0},
			{"hard links", []string{"fill", dir + "/x", "10", "links", dir + "/x", "8"}, 10, 10},
			{"written over again", []string{"fill", dir + "/x", "12", "fill", dir + "/x", "12"}, 12, 12},
			{"the machine's own", []string{"fill", "x", "24"}, 0, 0},
		} {
			t.Run(dir[1:]+" "+tc.name, func(t *testing.T) {
				e := s.do(t, s.hardSpec(t, append(tc.words, "sleep", "1500")...))
				wantExit(t, e, 0, "")
				wantStops(t, e, "")
				d := e.Disk
				if d == nil {
					t.Fatal("nothing was measured")
				}
				if h := fullest(d); h.Used < tc.least*mib || h.Used >= (tc.most+1)*mib || d.Incomplete != "" {
					t.Errorf("disk is %+v, want %d MiB", d, tc.least)
				}
			})
		}
	}
}

// The log cannot be stopped, for it is the supervisor's: above the limit by
// itself it evicts, and together with what is held it does not.
func hardLog(t *testing.T, s *suite) {
	s.wantEvicted(t, s.do(t, s.hardSpec(t, "noise", "24", "sleep", sleepy)))
	e := s.do(t, s.hardSpec(t, "noise", "10", "fill", "/scratch/x", "10", "sleep", "1500"))
	wantExit(t, e, 0, "")
	wantStops(t, e, "")
}

// It is not a matter of how often anybody looks.
func hardBurst(t *testing.T, s *suite) {
	s.wantStopped(t, s.do(t, s.hardSpec(t, "fallocate", "/scratch/x", "10", "fallocate", "/scratch/y", "300")))
}

// Attempts on one file system have a limit each.
func hardNeighbours(t *testing.T, s *suite) {
	modest := s.start(t, s.hardSpec(t, "fill", "/scratch/x", "10", "out", "filled", "sleep", sleepy), nil)
	modest.says(t, "filled\n")
	s.wantStopped(t, s.do(t, s.hardSpec(t, "fill", "/scratch/x", "24")))
	modest.Stop(sandbox.StopAbort, 0)
	if h := fullest(modest.end(t).Disk); h.Used < 10*mib || h.Used > 11*mib {
		t.Errorf("what was held is %+v, want 10 MiB", h)
	}
}

// Where the writable layer cannot be held it is polled.
func hardLayer(t *testing.T, s *suite) {
	e := s.do(t, s.hardSpec(t, "fill", "/tmp/x", "24", "sleep", sleepy))
	if s.HardLayer {
		s.wantStopped(t, e)
		return
	}
	if d := s.wantEvicted(t, e); d.Held >= mib {
		t.Errorf("the layer is not held, but %+v", d)
	}
}

// Nothing of what held the limit is there after the end.
func hardTidy(t *testing.T, s *suite) {
	before := leftover.Take()
	for _, words := range [][]string{{"fill", "/scratch/x", "10", "exit", "0"}, {"fill", "/scratch/x", "24"}, {"stray", "exit", "0"}, nil} {
		spec := s.hardSpec(t, words...)
		if words == nil {
			spec.Args = []string{"no-such-program-anywhere"}
		}
		s.do(t, spec)
		wantNoImage(t, spec.Dir)
	}
	s.wantNothing(t, before, time.Second)
}

// Nor after the end of a supervisor that was killed, when the next attempt has
// cleaned up.
func hardKilled(t *testing.T, s *suite) {
	if !s.Durable {
		need.Gap(t, s.Name+": the supervisor is not a process of its own")
	}
	if err := leftover.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	before := leftover.Take()
	a := s.start(t, s.hardSpec(t, "fill", "/scratch/x", "10", "out", "filled", "sleep", sleepy), nil)
	a.says(t, "filled\n")
	killSupervisor(t, a.spec.Dir)
	if e := a.end(t); !isNoOutcome(e.err) {
		t.Errorf("want %v, got %v (%s)", sandbox.ErrNoOutcome, e.err, show(e.Outcome))
	}
	s.do(t, s.spec(t, "exit", "0"))
	wantNoImage(t, a.spec.Dir)
	s.wantNothing(t, before, 2*time.Second)
}

// wantNoImage checks that no image is left in an attempt's directory, with a
// name or on a loop device, nor any of its layers.
func wantNoImage(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := imagesOf(t, dir)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("left behind: %v", left)
			break
		}
	}
	for _, name := range []string{"disk", "layers", "disk.img", "work"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %s (%v)", name, err)
		}
	}
}

// imagesOf are the files of an attempt's directory that are on loop devices.
func imagesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if data, _ := os.ReadFile(file); strings.HasPrefix(string(data), dir+"/") {
			found = append(found, strings.TrimSpace(string(data)))
		}
	}
	return found
}
