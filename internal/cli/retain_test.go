// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/internal/config"
	"drydock/internal/history"
)

func TestKeepingChooses(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	var tasks []history.Task // the newest first, a day between two, each larger than the one before
	for day := range 6 {
		tasks = append(tasks, history.Task{ID: fmt.Sprint(day), EndedAt: now.Add(-time.Duration(day) * 24 * time.Hour), Dir: fmt.Sprint(10 * (day + 1))})
	}
	tasks[4].Begun, tasks[4].EndedAt = tasks[4].EndedAt, time.Time{} // nobody knows its end
	sizes := func(dir string) (n int64) { _, _ = fmt.Sscan(dir, &n); return n }
	for _, tc := range []struct {
		name string
		k    keeping
		want string
	}{
		{"nothing is off", keeping{}, ""},
		{"age", keeping{age: new(72 * time.Hour)}, "3 4 5"},
		{"number", keeping{tasks: new(2)}, "2 3 4 5"},
		{"size", keeping{size: new(int64(60))}, "3 4 5"},
		{"the newest stays, however large", keeping{size: new(int64(5))}, "1 2 3 4 5"},
		{"what goes for its age takes nothing", keeping{age: new(48 * time.Hour), size: new(int64(30))}, "2 3 4 5"},
		{"all of them", keeping{age: new(96 * time.Hour), tasks: new(5), size: new(int64(60))}, "3 4 5"},
		{"more than there is", keeping{age: new(1000 * time.Hour), tasks: new(100), size: new(int64(1 << 40))}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.k.sizes = sizes
			var got []string
			for _, task := range tc.k.choose(tasks, now) {
				got = append(got, task.ID)
			}
			slices.Sort(got)
			if d := cmp.Diff(tc.want, strings.Join(got, " ")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if off := tc.k.age == nil && tc.k.tasks == nil && tc.k.size == nil; tc.k.isOff() != off {
				t.Errorf("off: %v", tc.k.isOff())
			}
		})
	}
}

func TestKeepingOf(t *testing.T) {
	load := func(env map[string]string) keeping {
		t.Helper()
		env["DRYDOCK_STATE_DIR"] = t.TempDir()
		s, err := config.Load(config.Inputs{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
		if err != nil {
			t.Fatal(err)
		}
		k, err := keepingOf(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := load(map[string]string{})
	if k.age == nil || *k.age != 720*time.Hour || k.tasks == nil || *k.tasks != 10000 || k.size == nil || *k.size <= 0 || *k.size > mostUsualSize {
		t.Errorf("usually: %v", k)
	}
	k = load(map[string]string{"DRYDOCK_RETAIN_FOR": "off", "DRYDOCK_RETAIN_TASKS": "off", "DRYDOCK_RETAIN_SIZE": "off"})
	if !k.isOff() {
		t.Errorf("off: %v", k)
	}
}

// It is done now and then, also where the clock was set back.
func TestDue(t *testing.T) {
	stamp := filepath.Join(t.TempDir(), "stamp")
	check := func(want bool) {
		t.Helper()
		if got := due(stamp, time.Hour); got != want {
			t.Errorf("due: %v", got)
		}
	}
	check(true)
	check(false)
	for _, ago := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		at := time.Now().Add(-ago)
		if err := os.Chtimes(stamp, at, at); err != nil {
			t.Fatal(err)
		}
		check(true)
		check(false)
	}
}
