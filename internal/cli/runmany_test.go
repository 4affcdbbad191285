// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/internal/fanout"
	"drydock/internal/report"
)

func TestBar(t *testing.T) {
	half := fanout.Tally{Total: 1000, Queued: 492, Running: 8, Succeeded: 488, Failed: 12}
	for _, tc := range []struct {
		name  string
		tally fanout.Tally
		width int
		want  string
	}{
		{"wide", half, 200, "500/1000 [===============-              ] 8 running, 492 queued, 12 failed, ETA 1m40s"},
		{"narrow", half, 80, "500/1000 [============           ] 8 running, 492 queued, 12 failed, ETA 1m40s"},
		{"no room for a bar", half, 60, "500/1000 8 running, 492 queued, 12 failed, ETA 1m40s"},
		{"no room for words", half, 20, "500/1000 8 running…"},
		{"nothing known yet", fanout.Tally{Total: 9, Queued: 7, Running: 2}, 70, "0/9 [-------                       ] 2 running, 7 queued"},
		{"all run", fanout.Tally{Total: 3, Running: 3}, 200, "0/3 [" + strings.Repeat("-", 30) + "] 3 running, 0 queued"},
		{"the machine is others'", fanout.Tally{Total: 3, Queued: 3, Waiting: "waits for 1 of\x1b cpu"}, 80,
			"0/3 [                              ] 0 running, 3 queued; waits for 1 of? cpu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := barRow(report.Style{}, tc.tally, 100*time.Second, tc.width)
			if tc.name == "narrow" { // as wide as there is room for
				if n := len(got); n != 79 || !strings.HasSuffix(got, "] 8 running, 492 queued, 12 failed, ETA 1m40s") {
					t.Errorf("%d: %s", n, got)
				}
				return
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	if got := barRow(report.Style{Color: true}, half, time.Second, 80); !strings.Contains(got, "\x1b[1;31m12 failed\x1b[0m") {
		t.Errorf("got %q", got)
	}
}

func TestProgress(t *testing.T) {
	got := progress(fanout.Tally{Total: 20, Queued: 8, Running: 2, Succeeded: 9, Failed: 1}, 30*time.Second)
	if want := "10 of 20 done, 2 running, 8 queued, 1 failed, about 30s left"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var p pace
	var due []time.Duration
	for s := range 1000 {
		if now := time.Duration(s) * time.Second; p.due(now) {
			due = append(due, now)
		}
	}
	if diff := cmp.Diff([]time.Duration{10e9, 20e9, 40e9, 80e9, 160e9, 320e9, 620e9, 920e9}, due); diff != "" {
		t.Error(diff)
	}
}

func TestSummaryText(t *testing.T) {
	s := &fanout.Summary{Tally: fanout.Tally{Total: 40, Succeeded: 10, Failed: 22, Stopped: 3, Unstarted: 5}, Cause: executor.SignalCause{Signal: "SIGINT"},
		Verdicts: map[executor.Class]int{executor.OOM: 22}}
	for i := range 22 {
		s.Failures = append(s.Failures, fanout.Failure{ID: fmt.Sprint("ID", i), Name: fmt.Sprintf("t[%d]", i), Verdict: executor.OOM, Message: "too\nmuch"})
	}
	s.Failures[1].ID = ""
	s.Failures[2] = fanout.Failure{ID: "ID2", Name: "t[2]", Verdict: executor.Failed, Message: "the task failed with exit code 3"}
	got := strings.Split(summaryText(report.Style{}, s, 90*time.Second, report.Advice{Flag: "--memory 64Mi"}), "\n")
	want := []string{
		"drydock: 10 of 40 tasks succeeded, 22 failed (22 out of memory), 3 were stopped, 5 never started (1m30s)",
		"  ended by SIGINT (Ctrl-C)",
		"  t[0]  out of memory: too?much",
		"        drydock report ID0",
		"  t[1]  out of memory: too?much",
		"  t[2]  the task failed with exit code 3",
		"        drydock logs ID2",
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Error(diff)
	}
	last := []string{
		"  … and 2 more: drydock ps -a --status failed, oom and so on, or --result FILE",
		"  try  --memory 64Mi for those out of memory, or --oom-retry 2x, and drydock finds it",
		"",
	}
	if diff := cmp.Diff(last, got[len(got)-3:]); diff != "" {
		t.Error(diff)
	}
}

func TestLineWriter(t *testing.T) {
	for _, tc := range []struct {
		name, prefix string
		writes       []string
		want         []string
	}{
		{"whole lines", "", []string{"a\nb\n"}, []string{"a\nb\n"}},
		{"a line in pieces", "", []string{"a", "b", "c\nd"}, []string{"abc\n", "d\n"}},
		{"no end", "", []string{"a"}, []string{"a\n"}},
		{"nothing", "", nil, nil},
		{"an empty line", "t\t", []string{"\n"}, []string{"t\t\n"}},
		{"with a name", "t\t", []string{"a\nb", "\nc"}, []string{"t\ta\n", "t\tb\n", "t\tc\n"}},
		{"too long", "", []string{strings.Repeat("x", maxLine+1)}, []string{strings.Repeat("x", maxLine) + "\n", "x\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			l := &lineWriter{prefix: tc.prefix, write: func(b []byte) error { got = append(got, string(b)); return nil }}
			for _, s := range tc.writes {
				if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
			l.flush()
			l.flush()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	l := &lineWriter{write: func([]byte) error { return errors.New("gone") }}
	if _, err := l.Write([]byte("a\n")); err == nil {
		t.Error("nobody hears that the reader is gone")
	}
}
