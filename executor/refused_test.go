// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"testing"

	"drydock/sandbox"
)

// What these programs print under `ulimit -v`, or with a limit of their own,
// was recorded; a failure with it is explained, one without is not.
func TestRefusedText(t *testing.T) {
	for _, tc := range []struct {
		tail string
		want bool
	}{
		{"MemoryError", true},
		{"pyarrow.lib.ArrowMemoryError: malloc of size 64 failed", true},
		{"-e: failed to allocate memory (NoMemoryError)", true},
		{"lua5.4: not enough memory", true},
		{"unable to realloc 67108865 bytes", true},
		{"unable to alloc 134217728 bytes", true},
		{"PHP Fatal error:  Allowed memory size of 16777216 bytes exhausted (tried to allocate 2097152 bytes) in x on line 1", true},
		{"Error: cannot allocate vector of size 7.5 Gb", true},
		{"grep: memory exhausted", true},
		{"dd: memory exhausted by input buffer of size 314572800 bytes (300 MiB)", true},
		{"bash: xrealloc: cannot allocate 33554560 bytes", true},
		{"dash: 1: Out of space", true},
		{"fatal error: failed to reserve page summary memory", true},
		{"Out of memory!", true}, // Perl
		{"Out of Memory Error: failed to allocate data of size 1.0 GiB", true},
		{"Unhandled exception. System.OutOfMemoryException: Array dimensions exceeded supported range.", true},
		{"Fatal error: exception Out_of_memory", true},
		{"RangeError: Array buffer allocation failed", true},
		{"mmap(MAP_HUGETLB): Cannot allocate memory", true},
		{"RecursionError: maximum recursion depth exceeded", false},
		{"java.lang.StackOverflowError", false},
		{"runtime: goroutine stack exceeds 8388608-byte limit", false},
		{"tar: x: Cannot write: No space left on device", false},
		{"the index is out of space", false},
		{"open: Too many open files", false},
		{"allocated memory of 64 MiB, exhausted all retries", false},
	} {
		o := sandbox.Outcome{Exit: &sandbox.Exit{Code: 1}, Counters: &sandbox.Counters{Evidence: sandbox.EvidenceKernel}, Tail: tc.tail}
		v := Judge(o, JudgeOptions{})
		want := 15
		if tc.want {
			want = 14
		}
		if v.Row != want || v.Class != Failed {
			t.Errorf("%q: row %d, %s, want row %d, %s", tc.tail, v.Row, v.Class, want, Failed)
		}
	}
}
