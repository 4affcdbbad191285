// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"drydock/internal/need"
	"drydock/sandbox"
)

// Cases that are driven from outside: somebody on the host signals the
// program, writes its limit, or moves it.
var outsideCases = []testCase{
	{name: "C11", test: loweredLimit, kernel: true},
	{name: "C14", test: absurdLimit, kernel: true},
	{name: "D3", test: outsideKill, kernel: true},
	{name: "D3-cgroup-kill", test: cgroupKill, kernel: true},
	{name: "D4", test: innocentSibling},
	{name: "D4-shared-limit", test: sharedLimit, kernel: true},
	{name: "D10", test: ownCgroup, kernel: true},
}

// A limit that is lowered while a hog runs: one kill, told once.
func loweredLimit(t *testing.T, s *suite) {
	spec := s.spec(t, "touch", "10", "out", "ready", "cat", "touch", "40")
	a, goOn := s.waiting(t, s.sandbox, spec)
	if err := s.lower(s.limited(t, a.pid(t), spec.Limits.Memory), 30*mib); err != nil {
		t.Fatal(err)
	}
	goOn()
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
	s.wantOOM(t, e)
	if n := count(e.events, func(v sandbox.Event) bool { return v.OOM != nil }); n != 1 {
		t.Errorf("%d oom events, want exactly one", n)
	}
}

// 1 KiB for a live program is refused by the kernel, or ends it; no hang.
func absurdLimit(t *testing.T, s *suite) {
	spec := s.spec(t, "touch", "10", "out", "ready", "sleep", sleepy)
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	dirs := s.limited(t, a.pid(t), spec.Limits.Memory)
	wrote := make(chan error, 1)
	go func() { wrote <- s.lower(dirs, kib) }()
	select {
	case err := <-wrote:
		if err != nil { // as v1 does
			a.Stop(sandbox.StopAbort, 0)
		}
	case <-time.After(hang / 2):
		t.Error("the write hung")
		a.Stop(sandbox.StopAbort, 0)
	}
	if s.CgroupVersion == 2 {
		// Reclaim may hold without a kill until something is touched.
		time.AfterFunc(2*time.Second, func() { a.Stop(sandbox.StopAbort, 0) })
	}
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
}

// Somebody else's SIGKILL is not an OOM, and not ours.
func outsideKill(t *testing.T, s *suite) {
	spec := s.spec(t, "out", "ready", "sleep", sleepy)
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	if err := syscall.Kill(a.pid(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
	s.wantQuiet(t, e)
	wantStops(t, e, sandbox.StopAbort)
}

func cgroupKill(t *testing.T, s *suite) {
	if s.CgroupVersion != 2 {
		need.Gap(t, "needs cgroup v2: cgroup.kill")
	}
	spec := s.spec(t, "out", "ready", "sleep", sleepy)
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	_, dir := s.memoryCgroup(t, a.pid(t))
	if err := writeFile(filepath.Join(dir, "cgroup.kill"), "1"); err != nil {
		t.Fatal(err)
	}
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
	s.wantQuiet(t, e)
}

// While one attempt runs out of memory, its neighbour is untouched.
func innocentSibling(t *testing.T, s *suite) {
	spec := s.spec(t, "out", "ready", "cat")
	a, goOn := s.waiting(t, s.sandbox, spec)
	s.wantMainOOM(t, s.do(t, s.spec(t, "touch", "100")))
	goOn()
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	s.wantQuiet(t, e)
	if ownLimit(e.Outcome) {
		t.Errorf("the neighbour seems to have hit its limit: %s", show(e.Outcome))
	}
}

// The same below a shared limit: what is short there is not the neighbour's
// own limit (on v1 its eventfd fires all the same).
func sharedLimit(t *testing.T, s *suite) {
	if s.SharedLimit == nil {
		need.Gap(t, s.Name+": attempts cannot be put below one cgroup")
	}
	sb, dir := s.SharedLimit(t)
	if err := writeFile(filepath.Join(dir, s.limitFile()), fmt.Sprint(40*mib)); err != nil {
		t.Fatal(err)
	}
	spec := s.spec(t, "out", "ready", "cat")
	quiet, goOn := s.waiting(t, sb, spec)
	hog, err := s.tryStart(sb, s.spec(t, "touch", "60"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if e := hog.end(t); e.Counters == nil || e.Counters.OOMKill < 1 || !e.Counters.AncestorOOM {
		t.Errorf("the hog: want a kill for an ancestor's shortage, got %s", show(e.Outcome))
	}
	goOn()
	e := quiet.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	if e.Counters.OOMKill != 0 {
		t.Errorf("the neighbour: %s", show(e.Outcome))
	}
}

// An OOM in a cgroup below the attempt's own is the attempt's OOM.
func ownCgroup(t *testing.T, s *suite) {
	if s.CgroupVersion != 2 {
		need.Gap(t, "needs cgroup v2: counters are not hierarchical on v1")
	}
	spec := s.spec(t, "out", "ready", "cat", "touch", "40")
	a, goOn := s.waiting(t, s.sandbox, spec)
	pid := a.pid(t)
	_, leaf := s.memoryCgroup(t, pid)
	inner := filepath.Join(leaf, "own")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(inner) })
	for _, step := range []struct{ path, text string }{
		{filepath.Join(inner, "cgroup.procs"), fmt.Sprint(pid)},
		{filepath.Join(leaf, "cgroup.subtree_control"), "+memory"},
		{filepath.Join(inner, "memory.max"), fmt.Sprint(20 * mib)},
	} {
		if err := writeFile(step.path, step.text); err != nil {
			t.Fatal(err)
		}
	}
	goOn()
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 137, "SIGKILL")
	if e.Counters.OOMKill < 1 {
		t.Errorf("the kill below was not counted: %s", show(e.Outcome))
	}
}
