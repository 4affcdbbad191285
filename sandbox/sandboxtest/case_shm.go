// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"drydock/sandbox"
)

var shmCases = []testCase{
	{name: "shm-size", test: shmSize},
	{name: "shm-charged", test: shmCharged},
	{name: "D6", test: shmFull},
	{name: "D7", test: shmFresh},
	{name: "shm-private", test: shmPrivate},
}

// It has the size that was asked to a page, is empty, and everybody's, as a
// kubelet's (cluster-truth shm-default, shm-sized, shm-auto).
func shmSize(t *testing.T, s *suite) {
	for _, size := range []int64{100 * kib, 16 * mib, 64 * mib} { // the last is all of the memory limit
		spec := s.spec(t, "room", "/dev/shm")
		spec.Limits.ShmSize = size
		s.prints(t, spec, fmt.Sprintf("%d 0 1777 0:0\n", size))
	}
}

// Its pages count as the attempt's memory, and stay there until the attempt
// has ended and what is taken was read.
func shmCharged(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "fill", "/dev/shm/x", "10", "sleep", "1200"))
	wantExit(t, e, 0, "")
	s.wantQuiet(t, e)
	if e.Shm == nil || e.Shm.Used != 10*mib || e.Shm.Peak != 10*mib {
		t.Errorf("shm is %+v, want 10 MiB used", e.Shm)
	}
	if m := e.Memory; m.Peak < 10*mib || m.PeakNeed < 9*mib || m.Last == nil || m.Last.Shmem < 9*mib {
		t.Errorf("memory is %+v (%+v), want 10 MiB of shmem", m, m.Last)
	}
}

// /dev/shm in every way it can be filled: 16 MiB of it, within 64 MiB.
func shmFull(t *testing.T, s *suite) {
	const file = "/dev/shm/x"
	full := func(t *testing.T, e ended) {
		t.Helper()
		if e.Shm == nil || e.Shm.Peak < e.Shm.Size*98/100 {
			t.Errorf("shm is %+v, want it full at its peak", e.Shm)
		}
	}
	t.Run("write", func(t *testing.T) {
		e := s.do(t, s.spec(t, "fill", file, "100"))
		wantExit(t, e, 1, "")
		s.wantQuiet(t, e)
		full(t, e)
		if want := file + ": No space left on device\n"; e.stderr != want {
			t.Errorf("stderr is %q, want %q", e.stderr, want)
		}
	})
	t.Run("mmap", func(t *testing.T) {
		e := s.do(t, s.spec(t, "map", file, "100"))
		wantExit(t, e, 135, "SIGBUS")
		s.wantQuiet(t, e)
		full(t, e)
	})
	t.Run("mmap of an unlinked file", func(t *testing.T) {
		// Afterwards it is empty, and a look may come too late; the peak of
		// the memory is the evidence that remains.
		e := s.do(t, s.spec(t, "mapunlinked", file, "100"))
		wantExit(t, e, 135, "SIGBUS")
		s.wantQuiet(t, e)
		if e.Shm == nil || e.Shm.Used != 0 || e.Memory.Peak < e.Shm.Size {
			t.Errorf("shm is %+v and the memory peak %d", e.Shm, e.Memory.Peak)
		}
	})
	t.Run("fallocate", func(t *testing.T) {
		e := s.do(t, s.spec(t, "fallocate", file, "100"))
		wantExit(t, e, 1, "")
		s.wantQuiet(t, e)
		if e.Shm == nil || e.Shm.Peak > mib {
			t.Errorf("shm is %+v, want it empty: the whole was refused", e.Shm)
		}
	})
	t.Run("fallocate of more than is left", func(t *testing.T) {
		// What it had taken before it ran out is given back, and the peak of
		// the memory is the evidence that remains if no look came between.
		e := s.do(t, s.spec(t, "fill", file, "10", "fallocate", "/dev/shm/y", "10"))
		wantExit(t, e, 1, "")
		s.wantQuiet(t, e)
		if e.Shm == nil || e.Shm.Used != 10*mib || e.Memory.Peak < e.Shm.Size {
			t.Errorf("shm is %+v and the memory peak %d", e.Shm, e.Memory.Peak)
		}
	})
	t.Run("larger than the memory", func(t *testing.T) {
		spec := s.spec(t, "fill", file, "100")
		spec.Limits.Memory, spec.Limits.ShmSize = 48*mib, 200*mib
		e := s.do(t, spec)
		s.wantMainOOM(t, e)
		// The victim's own pages are few (cluster-truth §3): what tells is the tmpfs.
		if e.Shm == nil || e.Shm.Used < 40*mib || e.Shm.Used > 48*mib {
			t.Errorf("shm is %+v, want nearly all of the memory", e.Shm)
		}
		if len(e.Victims) > 0 && e.Victims[0].RSS > 8*mib {
			t.Errorf("the victim is %+v, want one that is small itself", e.Victims[0])
		}
	})
}

// After an OOM with data left in /dev/shm the next attempt starts clean.
func shmFresh(t *testing.T, s *suite) {
	spec := s.spec(t, "fill", "/dev/shm/left", "10", "touch", "80")
	s.wantMainOOM(t, s.do(t, spec))

	again := s.spec(t, "read", "/dev/shm/left")
	again.ID, again.Attempt = spec.ID, 2
	s.prints(t, again, "No such file or directory\n")
}

// Neither another attempt nor this machine sees what is in it.
func shmPrivate(t *testing.T, s *suite) {
	const file = "/dev/shm/drydock-sandboxtest-private"
	other := s.start(t, s.spec(t, "fill", file, "1", "out", "filled", "sleep", sleepy), nil)
	other.says(t, "filled\n")
	s.prints(t, s.spec(t, "read", file), "No such file or directory\n")
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is on this machine: %v", file, err)
	}
	other.Stop(sandbox.StopAbort, 0)
	if e := other.end(t); e.Shm == nil || e.Shm.Used != mib {
		t.Errorf("shm is %+v, want 1 MiB", e.Shm)
	}
}
