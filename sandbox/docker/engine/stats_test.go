// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/google/go-cmp/cmp"
)

func TestStats(t *testing.T) {
	for name, tc := range map[string]struct {
		memory string
		want   Stats
	}{
		"v2":             {`{"usage":1000,"limit":5000,"stats":{"anon":300,"file":400,"shmem":100,"kernel":200}}`, Stats{Memory: 1000, Anon: 300, File: 300, Shmem: 100, Kernel: 200}},
		"v2 before 5.18": {`{"usage":1000,"limit":5000,"stats":{"anon":300,"file":400,"shmem":100,"kernel_stack":10,"slab":20}}`, Stats{Memory: 1000, Anon: 300, File: 300, Shmem: 100, Kernel: 30}},
		"v1":             {`{"usage":1000,"max_usage":2000,"failcnt":3,"limit":5000,"stats":{"total_rss":300,"total_cache":400,"total_shmem":100}}`, Stats{Memory: 1000, MaxMemory: 2000, Anon: 300, File: 300, Shmem: 100, Kernel: 300}},
		"podman":         {`{"usage":1000,"limit":5000}`, Stats{Memory: 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.HandleFunc("GET /containers/x/stats", func(w http.ResponseWriter, r *http.Request) {
				const format = `{"read":"2026-01-02T03:04:05Z","pids_stats":{"current":4},"cpu_stats":{"cpu_usage":{"total_usage":1500000000}},"memory_stats":%s}` + "\n"
				fmt.Fprintf(w, format+format, tc.memory, tc.memory)
				fmt.Fprint(w, `{"read":"2026-01-02T03:04:05Z"}`) // the engine's word on one that ended
			})
			want := tc.want
			want.Time, want.CPUSeconds, want.Pids = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 1.5, 4
			e := f.open(t)
			var got []Stats
			err := e.StatsStream(t.Context(), "x", func(s Stats) { got = append(got, s) })
			if diff := cmp.Diff([]Stats{want, want}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"Type":"container","Action":"oom","Actor":{"ID":"x"},"timeNano":1500000000}`)
		fmt.Fprint(w, `{"Type":"container","Action":"die","Actor":{"ID":"x","Attributes":{"exitCode":"137"}}}`)
	})
	e := f.open(t)
	watch, err := e.Events(t.Context(), "x", time.Unix(1, 5))
	if err != nil {
		t.Fatal(err)
	}
	var seen []Event
	for event := range watch.C {
		seen = append(seen, event)
	}
	want := []Event{{ID: "x", Action: "oom", Time: time.Unix(0, 1500000000), ExitCode: -1}, {ID: "x", Action: "die", Time: time.Unix(0, 0), ExitCode: 137}}
	if diff := cmp.Diff(want, seen); diff != "" || KindOf(watch.Err()) != Gone {
		t.Error(diff, watch.Err())
	}

	ctx, cancel := context.WithCancel(t.Context())
	watch, err = e.Events(ctx, "x", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range watch.C {
	}
	if watch.Err() != nil {
		t.Errorf("after its context ended: %v", watch.Err())
	}
}

func TestPodmansEvents(t *testing.T) {
	died := eventFrom(events.Message{Action: "died", Actor: events.Actor{ID: "x", Attributes: map[string]string{"containerExitCode": "3"}}})
	if died.Action != "die" || died.ExitCode != 3 {
		t.Errorf("%+v", died)
	}
	if removed := eventFrom(events.Message{Action: "remove"}); removed.Action != "destroy" || removed.ExitCode != -1 {
		t.Errorf("%+v", removed)
	}
}
