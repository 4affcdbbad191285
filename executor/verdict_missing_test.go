// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"testing"

	"drydock/sandbox"
)

// Whatever is missing from the facts, there is a verdict, and none but row 16
// and a warned row 5 says success.
func TestJudgeWithFactsMissing(t *testing.T) {
	exits := []*sandbox.Exit{nil, exit(0), exit(1), exit(137), signaled("SIGBUS")}
	counters := []*sandbox.Counters{nil, {}, {Evidence: sandbox.EvidenceEngine, OOMKill: 1}, {Evidence: sandbox.EvidenceSample, OOMKill: 1}, {CgroupVersion: 2, OOMKill: 1}, {CgroupVersion: 2, OOMKill: 1, OOM: 1}, {CgroupVersion: 1, OOMKill: 1, Notified: true}}
	stops := [][]sandbox.Stop{nil, {stopped("abort", 1, "SIGTERM")}, {stopped("timeout", 1, "SIGTERM")}, {stopped(sandbox.StopEvict, 1, "SIGKILL")}, {{}}}
	starts := []*sandbox.StartError{nil, {}, {Reason: sandbox.StartLimitTooLow}}
	for _, x := range exits {
		for _, c := range counters {
			for _, s := range stops {
				for _, start := range starts {
					o := sandbox.Outcome{Exit: x, Counters: c, Stops: s, StartError: start}
					v := Judge(o, JudgeOptions{})
					if v.Class == "" || v.Row == 0 {
						t.Errorf("no verdict for %+v", o)
					}
					if v.Class == Succeeded && (c == nil || x == nil || x.Code != 0 || start != nil || c.OOMKill > 0) {
						t.Errorf("success of %+v", o)
					}
				}
			}
		}
	}
}
