// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox"
)

var limitCases = []testCase{
	{name: "counters", test: countersRead},
	{name: "samples", test: samples},
	{name: "cpu", test: cpuQuota},
	{name: "pids", test: pidsLimit},
	{name: "nofile", test: noFile},
	{name: "D13", test: tinyLimits},
}

func countersRead(t *testing.T, s *suite) {
	spec := s.spec(t, "touch", "20", "burn", "150")
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	if e.Counters.CgroupVersion != s.CgroupVersion {
		t.Errorf("cgroup version %d, want %d", e.Counters.CgroupVersion, s.CgroupVersion)
	}
	if e.Memory.Limit != spec.Limits.Memory {
		t.Errorf("the limit is %d, want %d", e.Memory.Limit, spec.Limits.Memory)
	}
	if e.Memory.Peak < 20*mib || e.Memory.Peak > 40*mib {
		t.Errorf("a program that touched 20 MiB peaked at %d", e.Memory.Peak)
	}
	if e.CPUSeconds < 0.1 || e.CPUSeconds > 5 {
		t.Errorf("a program that burnt 0.15 s used %v s", e.CPUSeconds)
	}
	if e.Cores < 1 {
		t.Errorf("%d cores were seen", e.Cores)
	}
	if e.Shm == nil || e.Shm.Size != spec.Limits.ShmSize || e.Shm.Used != 0 {
		t.Errorf("shm is %+v, want %d bytes, empty", e.Shm, spec.Limits.ShmSize)
	}
}

// While it runs, looks at the attempt's memory arrive in order.
func samples(t *testing.T, s *suite) {
	e := s.do(t, s.spec(t, "touch", "20", "sleep", "1500"))
	var most int64
	var last sandbox.Sample
	for _, event := range e.events {
		if event.Sample == nil {
			continue
		}
		if event.Sample.Time.Before(last.Time) || event.Sample.CPUSeconds < last.CPUSeconds {
			t.Errorf("a sample out of order: %+v after %+v", event.Sample, last)
		}
		last = *event.Sample
		most = max(most, last.Memory)
	}
	if most < 20*mib || most > e.Memory.Peak {
		t.Errorf("the samples saw at most %d, the peak is %d", most, e.Memory.Peak)
	}
	if e.Memory.Last == nil || e.Memory.Last.Anon < 19*mib {
		t.Errorf("the last breakdown is %+v, want 20 MiB of anon", e.Memory.Last)
	}
	if e.Memory.PeakNeed < 19*mib {
		t.Errorf("the peak need is %d", e.Memory.PeakNeed)
	}
}

// Half a core for a busy program: 0.3 s of work take at least 0.5 s.
func cpuQuota(t *testing.T, s *suite) {
	spec := s.spec(t, "burn", "300")
	spec.Limits.CPUQuota = 50_000
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	if ran := e.EndedAt.Sub(e.StartedAt).Seconds(); ran < 0.45 {
		t.Errorf("0.3 s of work with half a core took %.2f s", ran)
	}
}

// Forks beyond the limit are refused and counted; the program goes on.
func pidsLimit(t *testing.T, s *suite) {
	spec := s.spec(t, "forks", "100", "exit", "5")
	spec.Limits.Pids = 20
	e := s.do(t, spec)
	wantExit(t, e, 5, "")
	if e.Pids.Limit != 20 || e.Pids.Refused < 1 {
		t.Errorf("pids are %+v, want a limit of 20 and refusals: %s", e.Pids, show(e.Outcome))
	}
	var made int
	if _, err := fmt.Sscan(e.stdout, &made); err != nil || made < 5 || made > 20 {
		t.Errorf("%q children were made (%v)", e.stdout, err)
	}
}

func noFile(t *testing.T, s *suite) {
	spec := s.spec(t, "nofile")
	spec.Limits.NoFile = 777
	s.prints(t, spec, "777\n")
}

// A limit below what the runtime itself needs is a start error in words, or
// the program runs; never a stack trace.
func tinyLimits(t *testing.T, s *suite) {
	for _, size := range []int64{1, 4, 6, 8, 16} {
		t.Run(fmt.Sprint(size, "MiB"), func(t *testing.T) {
			spec := s.spec(t, "exit", "0")
			spec.Limits.Memory = size * mib
			e := s.do(t, spec)
			if strings.Contains(e.stdout+e.stderr+e.Tail, "goroutine ") {
				t.Errorf("a stack trace: %q", e.stderr)
			}
			switch {
			case e.StartError == nil:
				wantExit(t, e, 0, "")
			case e.StartError.Reason != sandbox.StartLimitTooLow:
				t.Errorf("want %q, got %+v", sandbox.StartLimitTooLow, *e.StartError)
			default:
				wantSentence(t, e.StartError.Message)
			}
			if size == 1 && e.StartError == nil {
				t.Error("1 MiB cannot hold any runtime, but it ran")
			}
			if size >= 8 && e.StartError != nil { // as on a cluster
				t.Errorf("%d MiB must do: %+v", size, *e.StartError)
			}
		})
	}
}

// withScore runs f while this process has another oom_score_adj.
func withScore(t *testing.T, score string, f func()) {
	t.Helper()
	const path = "/proc/self/oom_score_adj"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(score), 0o644); err != nil {
		need.Gap(t, "this machine withholds the right to lower oom_score_adj (CAP_SYS_RESOURCE)")
	}
	defer func() {
		if err := os.WriteFile(path, []byte(strings.TrimSpace(string(old))), 0o644); err != nil {
			t.Errorf("oom_score_adj could not be put back: %v", err)
		}
	}()
	f()
}
