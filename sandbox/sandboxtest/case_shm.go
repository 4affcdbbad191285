// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import "testing"

var shmCases = []testCase{
	{name: "D6", test: shmFull},
	{name: "D7", test: shmFresh},
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
	t.Run("larger than the memory", func(t *testing.T) {
		spec := s.spec(t, "fill", file, "100")
		spec.Limits.Memory, spec.Limits.ShmSize = 48*mib, 200*mib
		s.wantMainOOM(t, s.do(t, spec))
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
