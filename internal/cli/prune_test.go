// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/internal/config"
	"drydock/internal/history"
)

func TestRetention(t *testing.T) {
	settings, err := config.Load(config.Inputs{Env: func(name string) (string, bool) {
		v, ok := map[string]string{"DRYDOCK_PRUNE_KEEP": "7"}[name]
		return v, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name            string
		olderThan, keep string
		all             bool
		want            retention
		wrong           string
	}{
		{name: "the settings'", want: retention{7 * 24 * time.Hour, 7}},
		{name: "a flag replaces both", keep: "3", want: retention{0, 3}},
		{name: "the other, too", olderThan: "1h", want: retention{time.Hour, 0}},
		{name: "both", olderThan: "90m", keep: "1", want: retention{90 * time.Minute, 1}},
		{name: "all", all: true},
		{name: "all but", all: true, keep: "1", wrong: "leave one of them out"},
		{name: "no time", olderThan: "old", wrong: "--older-than"},
		{name: "no number", keep: "-1", wrong: "--keep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := pruneOptions{All: tc.all, OlderThan: tc.olderThan, Keep: tc.keep}
			o.Given = map[string]bool{"older-than": tc.olderThan != "", "keep": tc.keep != ""}
			got, err := o.retention(settings)
			if tc.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wrong) {
					t.Errorf("error %v, want %q", err, tc.wrong)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("%v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	ago := func(id string, d time.Duration) history.Task { return history.Task{ID: id, EndedAt: now.Add(-d)} }
	lost := history.Task{ID: "lost", Begun: now.Add(-10 * time.Hour)} // nobody knows when it ended
	tasks := []history.Task{ago("new", time.Hour), ago("middle", 5*time.Hour), lost, ago("old", 20*time.Hour)}
	for _, tc := range []struct {
		name string
		r    retention
		want []string
	}{
		{"all", retention{}, []string{"new", "middle", "lost", "old"}},
		{"old ones", retention{olderThan: 8 * time.Hour}, []string{"lost", "old"}},
		{"all but the newest", retention{keep: 3}, []string{"old"}},
		{"both must say so", retention{olderThan: 2 * time.Hour, keep: 2}, []string{"lost", "old"}},
		{"none", retention{keep: 9}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, task := range tc.r.choose(slices.Clone(tasks), now) {
				got = append(got, task.ID)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
