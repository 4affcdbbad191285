// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/integration/flyte/flyteidl2/common"
)

func TestFilters(t *testing.T) {
	type thing struct {
		name string
		at   time.Time
	}
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	things := []thing{{"alpha", day(1)}, {"Beta", day(2)}, {"", day(3)}}
	known := fields[thing]{
		"name": {text: func(x thing) string { return x.name }, has: func(x thing) bool { return x.name != "" }},
		"at":   {kind: moment, time: func(x thing) time.Time { return x.at }},
	}
	const second = "2026-01-02T00:00:00Z"
	for _, tt := range []struct {
		fn     common.Filter_Function
		field  string
		values []string
		want   string
	}{
		{equal, "name", []string{"alpha"}, "alpha"},
		{notEqual, "name", []string{"alpha"}, "Beta"}, // and not what has no name
		{valueIn, "name", []string{"alpha", "Beta"}, "alpha Beta"},
		{valueNotIn, "name", []string{"alpha"}, "Beta"},
		{contains, "name", []string{"et"}, "Beta"},
		{contains, "name", []string{"b"}, ""},
		{containsAny, "name", []string{"B"}, "Beta"},
		{common.Filter_ENDS_WITH, "name", []string{"a"}, "alpha Beta"},
		{common.Filter_NOT_ENDS_WITH, "name", []string{"ta"}, "alpha"},
		{present, "name", nil, "alpha Beta"},
		{absent, "name", nil, "-"},
		{equal, "at", []string{second}, "Beta"},
		{notEqual, "at", []string{second}, "alpha -"},
		{common.Filter_GREATER_THAN, "at", []string{second}, "-"},
		{common.Filter_GREATER_THAN_OR_EQUAL, "at", []string{second}, "Beta -"},
		{common.Filter_LESS_THAN, "at", []string{"2026-01-02T01:00:00+01:00"}, "alpha"},
		{common.Filter_LESS_THAN_OR_EQUAL, "at", []string{second}, "alpha Beta"},
		{contains, "at", []string{second}, "error"},
		{common.Filter_GREATER_THAN, "name", []string{"a"}, "error"},
		{equal, "name", nil, "error"},
		{equal, "at", []string{"soon"}, "error"},
		{equal, "size", []string{"1"}, "error"},
	} {
		got := "error"
		match, err := compile([]*common.Filter{{Function: tt.fn, Field: tt.field, Values: tt.values}}, known)
		if err == nil {
			var names []string
			for _, x := range keep(things, match) {
				names = append(names, cmp.Or(x.name, "-"))
			}
			got = strings.Join(names, " ")
		}
		if got != tt.want {
			t.Errorf("%s %s %q: %q, want %q (%v)", tt.field, tt.fn, tt.values, got, tt.want, err)
		}
	}
}

func TestPaginate(t *testing.T) {
	by := orders[string]{createdAt: func(s string) string { return s }}
	items := []string{"c", "a", "e", "b", "d"}
	read := func(ascending bool, change func(page int)) (all []string) {
		m := &common.ListRequest{Limit: 2, SortBy: &common.Sort{}}
		if ascending {
			m.SortBy.Direction = common.Sort_ASCENDING
		}
		for n := 1; ; n++ {
			page, next, err := paginate(items, m, by)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
			if m.Token = next; next == "" {
				return all
			}
			change(n)
		}
	}
	nothing := func(int) {}
	if got := strings.Join(read(true, nothing), ""); got != "abcde" {
		t.Errorf("ascending: %s", got)
	}
	if got := strings.Join(read(false, nothing), ""); got != "edcba" {
		t.Errorf("descending: %s", got)
	}
	// What comes and goes meanwhile moves nothing else.
	got := strings.Join(read(true, func(page int) {
		if page == 1 {
			items = append(slices.DeleteFunc(items, func(s string) bool { return s == "b" }), "a2")
		}
	}), "")
	if got != "abcde" {
		t.Errorf("with changes: %s", got)
	}
	if limit(0) != defaultLimit || limit(7) != 7 || limit(1<<31) != maxLimit {
		t.Error("limits")
	}
}
