// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"os"
	"path/filepath"
	"testing"

	"drydock/sandbox"
)

var diskCases = []testCase{
	{name: "C7", test: diskEvicts},
	{name: "C8", test: diskSpares},
	{name: "disk-short", test: diskShort},
	{name: "disk-burst", test: diskBurst},
	{name: "disk-ungraceful", test: diskUngraceful},
	{name: "disk-neighbours", test: diskNeighbours},
}

// diskSpec may have 16 MiB of disk, and has a directory of its own at /scratch.
func (s *suite) diskSpec(t testing.TB, words ...string) sandbox.Spec {
	t.Helper()
	spec := s.spec(t, words...)
	spec.Limits.Disk = 16 * mib
	scratch := filepath.Join(spec.Dir, "work")
	if err := os.Mkdir(scratch, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(scratch, 0o777); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	spec.Mounts = []sandbox.Mount{{Source: scratch, Target: "/scratch"}}
	return spec
}

// wantEvicted checks that the attempt was killed for its disk use, and returns
// the evidence.
func (s *suite) wantEvicted(t *testing.T, e ended) sandbox.Disk {
	t.Helper()
	wantExit(t, e, 137, "SIGKILL")
	wantStops(t, e, sandbox.StopEvict, "SIGKILL")
	s.wantQuiet(t, e)
	if e.Disk == nil || e.Disk.Used <= e.Disk.Limit || e.Disk.Peak < e.Disk.Used {
		t.Fatalf("disk is %+v (%+v)", e.Disk, e.Stops)
	}
	if d := e.Disk; d.Used != d.Layer+d.Log+d.Scratch+d.Deleted {
		t.Errorf("the parts are not the whole: %+v", d)
	}
	return *e.Disk
}

// Above its limit an attempt is killed, in whatever way it came there; the
// kubelet's LocalStorageCapacityIsolationEviction, in its three parts.
func diskEvicts(t *testing.T, s *suite) {
	layer := func(d sandbox.Disk) int64 { return d.Layer }
	scratch := func(d sandbox.Disk) int64 { return d.Scratch }
	logged := func(d sandbox.Disk) int64 { return d.Log }
	deleted := func(d sandbox.Disk) int64 { return d.Deleted }
	for _, tc := range []struct {
		name    string
		words   []string
		part    func(sandbox.Disk) int64
		largest string
		unseen  bool // by a kubelet, which walks directories
	}{
		{"write", []string{"fill", "/tmp/x", "24"}, layer, "/tmp", false},
		{"mmap", []string{"map", "/tmp/x", "24"}, layer, "/tmp", false},
		{"fallocate", []string{"fallocate", "/tmp/x", "24"}, layer, "/tmp", false},
		{"small files", []string{"many", "/tmp/many", "6144"}, layer, "/tmp/many", false},
		{"scratch", []string{"fill", "/scratch/x", "24"}, scratch, "/scratch", false},
		{"mmap of scratch", []string{"map", "/scratch/x", "24"}, scratch, "/scratch", false},
		{"log", []string{"noise", "24"}, logged, "", false},
		{"deleted and open", []string{"hold", "/tmp/x", "24"}, deleted, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := s.wantEvicted(t, s.do(t, s.diskSpec(t, append(tc.words, "sleep", sleepy)...)))
			// A look while it is written sees a part; never less than the limit with all else.
			if tc.part(d) < 15*mib {
				t.Errorf("most of it should be in one part: %+v", d)
			}
			if tc.largest != "" && (len(d.Largest) == 0 || d.Largest[0].Path != tc.largest) {
				t.Errorf("the largest are %+v, want %s first", d.Largest, tc.largest)
			}
			if seen := d.Used - d.Deleted; (seen > d.Limit) == tc.unseen {
				t.Errorf("a kubelet sees %d, which is above the limit: %v, want %v", seen, seen > d.Limit, !tc.unseen)
			}
		})
	}
}

// Below its limit nothing happens, and not everything counts.
func diskSpares(t *testing.T, s *suite) {
	for _, tc := range []struct {
		name        string
		words       []string
		least, most int64 // MiB that count, beside what every attempt takes
	}{
		{"just below", []string{"fill", "/tmp/x", "7", "fill", "/scratch/x", "7"}, 14, 14},
		{"sparse", []string{"sparse", "/tmp/x", "1000"}, 0, 0},
		{"sparse behind what was written", []string{"fill", "/tmp/x", "10", "sparse", "/tmp/x", "1000"}, 10, 10},
		{"cut short", []string{"fill", "/tmp/x", "12", "sparse", "/tmp/x", "2"}, 2, 2},
		{"hard links", []string{"fill", "/tmp/x", "10", "links", "/tmp/x", "8"}, 10, 10},
		{"shared memory", []string{"fill", "/dev/shm/x", "12", "fill", "/tmp/x", "8"}, 8, 8},
		{"the machine's own", []string{"fill", "x", "24"}, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := s.do(t, s.diskSpec(t, append(tc.words, "sleep", "1500")...))
			wantExit(t, e, 0, "")
			wantStops(t, e, "")
			// Directories and, in an engine, what it lays down itself take less than a MiB.
			if d := e.Disk; d == nil || d.Used < tc.least*mib || d.Used >= (tc.most+1)*mib || d.Incomplete != "" {
				t.Errorf("disk is %+v, want %d MiB", d, tc.least)
			}
		})
	}
}

// A program that has ended is not evicted (cluster-truth eph-short); what it
// took is told.
func diskShort(t *testing.T, s *suite) {
	e := s.do(t, s.diskSpec(t, "fallocate", "/tmp/x", "24"))
	if len(e.Stops) > 0 { // a look came before its end, on a busy machine
		s.wantEvicted(t, e)
		return
	}
	wantExit(t, e, 0, "")
	if d := e.Disk; d == nil || d.Peak < 24*mib && d.Incomplete == "" {
		t.Errorf("disk is %+v", d)
	}
}

// What is taken between two looks is found by the next with its real size, and
// what was given back before it is not held against anybody.
func diskBurst(t *testing.T, s *suite) {
	t.Run("kept", func(t *testing.T) {
		d := s.wantEvicted(t, s.do(t, s.diskSpec(t, "fallocate", "/tmp/x", "100", "sleep", sleepy)))
		if d.Used < 100*mib || d.Layer < 100*mib {
			t.Errorf("disk is %+v, want what it took", d)
		}
	})
	t.Run("given back", func(t *testing.T) {
		e := s.do(t, s.diskSpec(t, "fallocate", "/tmp/x", "100", "sparse", "/tmp/x", "1", "sleep", "1500"))
		if len(e.Stops) > 0 { // a look came between, on a busy machine
			s.wantEvicted(t, e)
			return
		}
		wantExit(t, e, 0, "")
		if d := e.Disk; d == nil || d.Peak > d.Limit {
			t.Errorf("disk is %+v, and it was not evicted", d)
		}
	})
	t.Run("failed", func(t *testing.T) {
		e := s.do(t, s.diskSpec(t, "fallocate", "/tmp/x", "100", "exit", "3"))
		if len(e.Stops) > 0 {
			s.wantEvicted(t, e)
			return
		}
		wantExit(t, e, 3, "")
		if d := e.Disk; d == nil || d.Peak < 100*mib && d.Incomplete == "" {
			t.Errorf("disk is %+v, want what it took", d)
		}
	})
}

// There is no grace for an eviction (cluster-truth eph-trap).
func diskUngraceful(t *testing.T, s *suite) {
	e := s.do(t, s.diskSpec(t, "tidy", "fill", "/tmp/x", "24", "sleep", sleepy))
	s.wantEvicted(t, e)
	if e.stdout != "ready\n" {
		t.Errorf("stdout is %q: it was asked to end", e.stdout)
	}
}

// Attempts on one file system are measured each by itself: one is within its
// limit, however much two others take, and each of those is told its own.
func diskNeighbours(t *testing.T, s *suite) {
	modest := s.start(t, s.diskSpec(t, "fill", "/tmp/x", "10", "sleep", "2500"), nil)
	large := s.start(t, s.diskSpec(t, "fallocate", "/tmp/x", "100", "sleep", sleepy), nil)
	small := s.wantEvicted(t, s.do(t, s.diskSpec(t, "fallocate", "/tmp/x", "24", "sleep", sleepy)))
	if d := s.wantEvicted(t, large.end(t)); d.Used < 100*mib || d.Used > 102*mib || small.Used > 26*mib {
		t.Errorf("disk is %+v and %+v, want 100 and 24 MiB", d, small)
	}
	e := modest.end(t)
	wantExit(t, e, 0, "")
	// XFS takes room ahead of a file that grows, and gives it back.
	if d := e.Disk; d == nil || d.Used > 12*mib || d.Peak > d.Limit {
		t.Errorf("disk is %+v", d)
	}
}
