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
	for _, tc := range []struct {
		name    string
		words   []string
		part    func(sandbox.Disk) int64
		largest string
	}{
		{"write", []string{"fill", "/tmp/x", "24"}, layer, "/tmp"},
		{"mmap", []string{"map", "/tmp/x", "24"}, layer, "/tmp"},
		{"fallocate", []string{"fallocate", "/tmp/x", "24"}, layer, "/tmp"},
		{"small files", []string{"many", "/tmp/many", "6144"}, layer, "/tmp/many"},
		{"scratch", []string{"fill", "/scratch/x", "24"}, func(d sandbox.Disk) int64 { return d.Scratch }, "/scratch"},
		{"log", []string{"noise", "24"}, func(d sandbox.Disk) int64 { return d.Log }, ""},
		{"deleted and open", []string{"hold", "/tmp/x", "24"}, func(d sandbox.Disk) int64 { return d.Deleted }, ""},
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
		})
	}
}

// Below its limit nothing happens, and not everything counts.
func diskSpares(t *testing.T, s *suite) {
	for _, tc := range []struct {
		name  string
		words []string
		least int64
	}{
		{"just below", []string{"fill", "/tmp/x", "7", "fill", "/scratch/x", "7"}, 14 * mib},
		{"sparse", []string{"sparse", "/tmp/x", "1000"}, 0},
		{"hard links", []string{"fill", "/tmp/x", "10", "links", "/tmp/x", "8"}, 10 * mib},
		{"shared memory", []string{"fill", "/dev/shm/x", "12", "fill", "/tmp/x", "8"}, 8 * mib},
		{"the machine's own", []string{"fill", "x", "24"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := s.do(t, s.diskSpec(t, append(tc.words, "sleep", "1500")...))
			wantExit(t, e, 0, "")
			wantStops(t, e, "")
			if d := e.Disk; d == nil || d.Used < tc.least || d.Used > d.Limit || d.Incomplete != "" {
				t.Errorf("disk is %+v", d)
			}
		})
	}
}

// A program that has ended is not evicted (cluster-truth eph-short); what it
// took is told.
func diskShort(t *testing.T, s *suite) {
	e := s.do(t, s.diskSpec(t, "fallocate", "/tmp/x", "24"))
	wantExit(t, e, 0, "")
	wantStops(t, e, "")
	if d := e.Disk; d == nil || d.Peak < 24*mib && d.Incomplete == "" {
		t.Errorf("disk is %+v", d)
	}
}

// There is no grace for an eviction (cluster-truth eph-trap).
func diskUngraceful(t *testing.T, s *suite) {
	e := s.do(t, s.diskSpec(t, "tidy", "fill", "/tmp/x", "24", "sleep", sleepy))
	s.wantEvicted(t, e)
	if e.stdout != "ready\n" {
		t.Errorf("stdout is %q: it was asked to end", e.stdout)
	}
}

// Two attempts on one file system are measured each by itself.
func diskNeighbours(t *testing.T, s *suite) {
	modest := s.start(t, s.diskSpec(t, "fill", "/tmp/x", "10", "sleep", "2500"), nil)
	s.wantEvicted(t, s.do(t, s.diskSpec(t, "fill", "/tmp/x", "24", "sleep", sleepy)))
	e := modest.end(t)
	wantExit(t, e, 0, "")
	if e.Disk == nil || e.Disk.Peak > 12*mib {
		t.Errorf("disk is %+v", e.Disk)
	}
}
