// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/sandbox"
)

// What the kernel was told, read back while an attempt runs.
var fileCases = []testCase{
	{name: "C6", test: controlFiles, kernel: true},
	{name: "C6-single-process", test: singleProcessFiles, kernel: true},
}

// The values are a real node's (cluster-truth §5): drydock's own group stands
// where the pod's does, with the kubelet's old curve of weights, and the
// program's where the container's does.
func controlFiles(t *testing.T, s *suite) {
	if s.CgroupVersion == 1 && s.OwnedParent {
		s.wantFiles(t, nil, map[string]string{"memory.limit_in_bytes": fmt.Sprint(64*mib + 4*kib)},
			map[string]string{"memory.limit_in_bytes": fmt.Sprint(64 * mib), "memory.memsw.limit_in_bytes": fmt.Sprint(64 * mib)})
		return
	}
	if s.CgroupVersion == 1 {
		s.wantFiles(t, nil, map[string]string{"memory.limit_in_bytes": fmt.Sprint(64 * mib)}, nil)
		return
	}
	half := func(l *sandbox.Limits) { l.CPUShares, l.CPUQuota = 512, 50_000 }
	own := map[string]string{
		"memory.max": fmt.Sprint(64*mib + 4*kib), "memory.swap.max": "0", "memory.high": "max", "memory.low": "0", "memory.min": "0",
		"cpu.weight": "59", "cpu.max": "50000 100000", "pids.max": "256", "hugetlb.2MB.max": "0", "hugetlb.2MB.rsvd.max": "0",
	}
	if s.OwnedParent { // swap and huge pages are limited above; a runtime before 1.3.2 has the old curve of weights
		for _, file := range []string{"cpu.weight", "memory.swap.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"} {
			delete(own, file)
		}
	}
	s.wantFiles(t, half, own, map[string]string{
		"memory.max": fmt.Sprint(64 * mib), "memory.swap.max": "0", "memory.oom.group": "1", "memory.high": "max",
		"cpu.weight": "20", "cpu.max": "50000 100000", "pids.max": "256",
	})
	none := func(l *sandbox.Limits) { l.CPUShares = 2 } // a request of 0
	s.wantFiles(t, none, map[string]string{"cpu.weight": "1", "cpu.max": "max 100000"}, map[string]string{"cpu.weight": "1"})
}

// With the kubelet's singleProcessOOMKill nothing groups the processes.
func singleProcessFiles(t *testing.T, s *suite) {
	single := func(l *sandbox.Limits) { l.GroupKill = false }
	if s.CgroupVersion == 2 {
		s.wantFiles(t, single, map[string]string{"memory.oom.group": "0"}, map[string]string{"memory.oom.group": "0"})
	}
	// The shell's own exit is the container's (cluster-truth single-child-exit3).
	spec := s.spec(t, "child", "100", "exit", "3")
	spec.Limits.GroupKill = false
	e := s.do(t, spec)
	wantExit(t, e, 3, "")
	s.wantOOM(t, e)
	if e.stdout != "child 137\n" || e.Counters.OOMGroupKill != 0 {
		t.Errorf("stdout %q, %s", e.stdout, show(e.Outcome))
	}
}

// wantFiles compares the files of the program's own group and of its owner's.
func (s *suite) wantFiles(t *testing.T, change func(*sandbox.Limits), own, owner map[string]string) {
	t.Helper()
	spec := s.spec(t, "out", "ready", "sleep", sleepy)
	if change != nil {
		change(&spec.Limits)
	}
	a := s.start(t, spec, nil)
	defer func() {
		a.Stop(sandbox.StopAbort, 0)
		a.end(t)
	}()
	a.says(t, "ready")
	_, dir := s.memoryCgroup(t, a.pid(t))
	for dir, files := range map[string]map[string]string{dir: own, filepath.Dir(dir): owner} {
		for name, want := range files {
			if _, lacks := s.Lacks["hugetlb"]; lacks && strings.HasPrefix(name, "hugetlb.") {
				continue
			}
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || strings.TrimSpace(string(got)) != want {
				t.Errorf("%s holds %q, want %q (%v)", filepath.Join(filepath.Base(dir), name), got, want, err)
			}
		}
	}
}
