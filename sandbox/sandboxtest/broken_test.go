// SPDX-License-Identifier: Apache-2.0

package sandboxtest_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// brokenVariable names the defect with which TestBroken runs the suite.
const brokenVariable = "DRYDOCK_SANDBOXTEST_BROKEN"

// defects are ways in which a sandbox may lie, and a case that must notice.
var defects = map[string]struct {
	notices string
	edit    func(*sandbox.Outcome) error
}{
	"kill not counted":     {"C1", func(o *sandbox.Outcome) error { o.Counters.OOMKill = 0; return nil }},
	"exit 0 after a kill":  {"C1", func(o *sandbox.Outcome) error { o.Exit = &sandbox.Exit{}; return nil }},
	"limit not hit":        {"C1", func(o *sandbox.Outcome) error { o.Counters.Notified, o.Memory.Peak = false, 1; return nil }},
	"counters gone":        {"C18", func(o *sandbox.Outcome) error { o.Counters = nil; return nil }},
	"one kill missed":      {"D11", func(o *sandbox.Outcome) error { o.KillSeenAt = time.Time{}; return nil }},
	"kill out of nothing":  {"C17", func(o *sandbox.Outcome) error { o.Counters.OOMKill = 1; return nil }},
	"victim of nothing":    {"C17", func(o *sandbox.Outcome) error { o.Victims = []sandbox.Victim{{}}; return nil }},
	"other version":        {"C17", func(o *sandbox.Outcome) error { o.Version++; return nil }},
	"facts lost":           {"C17", func(*sandbox.Outcome) error { return errors.New("lost") }},
	"start error and exit": {"start-errors", func(o *sandbox.Outcome) error { o.Exit = &sandbox.Exit{}; return nil }},
	"stack trace":          {"start-errors", func(o *sandbox.Outcome) error { return spoil(o) }},
	"stops forgotten":      {"timeout", func(o *sandbox.Outcome) error { o.Stops = nil; return nil }},
	"stop out of nothing":  {"timeout-not-reached", func(o *sandbox.Outcome) error { o.Stops = []sandbox.Stop{{}}; return nil }},
	"silent group kill":    {"C3", func(o *sandbox.Outcome) error { o.GroupKilledAt = time.Time{}; return nil }},
	"unasked group kill":   {"D1", func(o *sandbox.Outcome) error { o.Counters.Group = sandbox.GroupEmulated; return nil }},
	"shm never full":       {"D6", func(o *sandbox.Outcome) error { o.Shm.Peak = 0; return nil }},
	"forks not counted":    {"pids", func(o *sandbox.Outcome) error { o.Pids.Refused = 0; return nil }},
	"limit passed over":    {"enforcement", func(o *sandbox.Outcome) error { o.Limits = nil; return nil }},
	"peak too high":        {"counters", func(o *sandbox.Outcome) error { o.Memory.Peak = 1 << 30; return nil }},
}

func spoil(o *sandbox.Outcome) error {
	if o.StartError != nil {
		o.StartError.Message = "panic: x\n\ngoroutine 1 [running]:"
	}
	return nil
}

// TestBroken runs the suite on a fake with a defect; only TestSuiteNotices
// starts it.
func TestBroken(t *testing.T) {
	defect, ok := defects[os.Getenv(brokenVariable)]
	if !ok {
		return
	}
	sandboxtest.Conformance(t, sandboxtest.Backend{
		Name: sandboxtest.FakeName,
		New: func(testing.TB) sandbox.Sandbox {
			return &sandboxtest.Fake{CgroupVersion: 1, Edit: func(_ sandbox.Spec, o *sandbox.Outcome) error { return defect.edit(o) }}
		},
		CgroupVersion: 1, GroupKill: sandbox.GroupEmulated, Program: "hog",
	})
}

// A suite that cannot fail is worth nothing: every defect must be noticed.
func TestSuiteNotices(t *testing.T) {
	for name, defect := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestBroken$/^"+defect.notices+"$", "-test.v")
			cmd.Env = append(os.Environ(), brokenVariable+"="+name)
			output, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL: TestBroken/"+defect.notices+" ") {
				t.Errorf("%s did not notice (%v):\n%s", defect.notices, err, output)
			}
			if strings.Contains(string(output), "panic: ") && name != "stack trace" {
				t.Errorf("the suite itself crashed:\n%s", output)
			}
		})
	}
}
