// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

func TestOOMReport(t *testing.T) {
	v := Judge(v2(func(o *sandbox.Outcome) {
		oomV2(o)
		o.KillSeenAt = at(9.5)
		o.Memory.Last = &sandbox.Breakdown{Anon: 63 * mib, File: 1, Shmem: 2, Kernel: 3}
	}), JudgeOptions{
		Asked:     resources.Resources{CPU: resources.Of("2"), Memory: resources.Of("64Mi"), Shm: "16Mi"},
		MaxMemory: 1 << 40,
	})
	want := OOMReport{
		Limit: 64 * mib, Peak: 64 * mib, Anon: 63 * mib, File: 1, Shmem: 2, Kernel: 3,
		Main: true, Group: sandbox.GroupEnforced, Suggest: "128Mi",
		After: 9500 * time.Millisecond, Seconds: 9.5, Cores: 4, Kills: 1,
		Victim: &sandbox.Victim{PID: 1, Name: "python3", RSS: 60 * mib, Main: true},
	}
	diff(t, &want, v.OOM)
	// The whole override, because an override replaces everything.
	if want := `try flyte.Resources(cpu=2, memory="128Mi", shm="16Mi")`; !slices.Contains(v.Hints, want) {
		t.Errorf("hints %q, want %q", v.Hints, want)
	}
}

func TestOOMAtTheMachinesEnd(t *testing.T) {
	v := Judge(v2(oomV2), JudgeOptions{MaxMemory: 64 * mib})
	if v.OOM.Suggest != "" || len(v.Hints) == 0 || !strings.Contains(v.Hints[0], "no more than 64 MiB") {
		t.Errorf("suggests %q with hints %q", v.OOM.Suggest, v.Hints)
	}
}

func TestOOMWithoutAVictimSeen(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*sandbox.Outcome)
		main   bool
	}{
		"killed":                {func(*sandbox.Outcome) {}, true},
		"ended by the group":    {func(o *sandbox.Outcome) { o.GroupKilledAt = at(9) }, false},
		"the main one went on":  {func(o *sandbox.Outcome) { o.Exit = exit(3) }, false},
		"the main one was fine": {func(o *sandbox.Outcome) { o.Exit = exit(0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(v1(func(o *sandbox.Outcome) { oomV1(o); o.Victims = nil; tc.change(o) }), JudgeOptions{})
			if v.OOM == nil || v.OOM.Main != tc.main || v.OOM.Victim != nil {
				t.Errorf("got %+v, want main %v", v.OOM, tc.main)
			}
		})
	}
}
