// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/report"
)

func TestAtMost(t *testing.T) {
	tasks := func() []history.Task {
		return []history.Task{
			{ID: "5", Status: history.Ended}, {ID: "4", Status: history.Lost}, {ID: "3", Status: history.Queued},
			{ID: "2", Status: history.Ended}, {ID: "1", Status: history.Running},
		}
	}
	for _, tc := range []struct {
		limit int
		want  string
		more  bool
	}{
		{0, "54321", false},
		{1, "531", true},
		{2, "5431", true},
		{3, "54321", false},
		{9, "54321", false},
	} {
		got, more := atMost(tasks(), tc.limit)
		ids := ""
		for i := range got {
			ids += got[i].ID
		}
		if ids != tc.want || more != tc.more {
			t.Errorf("%d: %s, more %v, want %s, more %v", tc.limit, ids, more, tc.want, tc.more)
		}
	}
}

// A screen of 80 columns keeps how each task ended.
func TestNarrowList(t *testing.T) {
	code := 137
	rows := psRows(report.Style{}, []history.Task{
		{ID: "01M8CV5TJHEWNSWN3CQC7VTAD4", Name: "ml-env.a_task_with_a_very_long_name", Status: history.Ended,
			Class: executor.OOM, ExitCode: &code, Begun: time.Unix(0, 0), Attempts: []history.Attempt{
				{Number: 1, CPUSeconds: 0.69, MemoryPeak: 400 << 20, MemoryLimit: 400 << 20}}},
		{ID: "01M8CV5TJHEWNSWN3CQC7VTAD5", Name: "train", Status: history.Running, Begun: time.Unix(0, 0)},
	}, time.Unix(200, 0))
	const width = 80
	if w := tableWidth(rows); w <= width {
		t.Fatalf("the table is %d wide: nothing is to be shortened", w)
	}
	shortenRows(rows)
	lines := strings.Split(strings.TrimSpace(table(rows, width)), "\n")
	for i, want := range []string{"STATUS", "out of memory (137)", "running"} {
		if !strings.Contains(lines[i], want) || utf8.RuneCountInString(lines[i]) > width {
			t.Errorf("line %d without %q, or too wide: %q", i, want, lines[i])
		}
	}
	if a, b := rows[1][0].text, rows[2][0].text; a == b || len(a) != 26 {
		t.Errorf("ids %s and %s do not tell the two apart", a, b)
	}
}
