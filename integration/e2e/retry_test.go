// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// --oom-retry runs a task that ran out of memory again with more of it.
func TestOOMRetry(t *testing.T) {
	type try struct{ Verdict, Limit string }
	for _, tc := range []struct {
		name, policy string
		exit         int
		verdict      string
		want         []try
		retried      int
	}{
		{"until it fits", "2,max=256Mi,attempts=4", 0, "succeeded",
			[]try{{"oom", "32Mi"}, {"oom", "64Mi"}, {"succeeded", "128Mi"}}, 2},
		{"attempts run out", "2,max=256Mi,attempts=2", 137, "oom",
			[]try{{"oom", "32Mi"}, {"oom", "64Mi"}}, 1},
		{"the most is reached", "2,max=48Mi,attempts=9", 137, "oom",
			[]try{{"oom", "32Mi"}, {"oom", "48Mi"}}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			r := newHome(t).run(t, "run", "--memory", "32Mi", "--oom-retry", tc.policy, "--json", "--", "./hog", "touch", "90")
			r.want(t, tc.exit, tc.verdict)
			var got []try
			for _, a := range r.ended.Attempts {
				got = append(got, try{a.Verdict, a.Resources.Memory.Limit})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
			if n := linesOf(r, "retried"); n != tc.retried {
				t.Errorf("%d retried lines, want %d", n, tc.retried)
			}
			if n := linesOf(r, "oom"); n != len(tc.want)-boolInt(tc.verdict == "succeeded") {
				t.Errorf("%d oom lines", n)
			}
		})
	}
}

func linesOf(r result, kind string) int {
	n := 0
	for _, line := range r.lines {
		if line["type"] == kind {
			n++
		}
	}
	return n
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
