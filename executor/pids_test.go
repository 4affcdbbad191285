// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/resources"
	"drydock/sandbox/limits"
)

// Tasks are counted by the profile's podPidsLimit, and by nothing without one;
// nobody is refused, and nobody's limit is above what the node has.
func TestPids(t *testing.T) {
	for _, tc := range []struct {
		name         string
		limit, node  int64 // the profile's podPidsLimit, and the node's pids; 0: not said
		waits        string
		wantLimit    int64
		wantTogether bool
	}{
		{"nobody says", 0, 0, "", limits.DefaultPids, true},
		{"two fit", 100, 200, "", 100, true},
		{"one fits", 100, 150, "waits for 100 of pids (free 50 of 150)", 100, false},
		{"none would fit", 1000, 150, "waits for 150 of pids (free 0 of 150)", 150, false},
		{"a node alone", 0, 150, "", 150, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				profile := resources.DefaultProfile()
				profile.Cgroup.PodPidsLimit = tc.limit
				x := newExecutor(t, func(c *Config) {
					c.Profile = &profile
					c.Capacity = Capacity{CPUMilli: 8000, Memory: 8 << 30, Pids: tc.node}
				})
				var mu sync.Mutex
				var waiting []string
				var both sync.WaitGroup
				began := time.Now()
				for range 2 {
					both.Go(func() {
						r, err := x.Run(t.Context(), hog("sleep", "10000"), WithEvents(func(e Event) {
							mu.Lock()
							defer mu.Unlock()
							if e.Queued != nil && e.Queued.Waiting != "" {
								waiting = append(waiting, e.Queued.Waiting)
							}
						}))
						if err != nil {
							t.Error(err)
							return
						}
						if got := r.Attempts[0].Outcome.Pids.Limit; got != tc.wantLimit {
							t.Errorf("the limit is %d, want %d", got, tc.wantLimit)
						}
					})
				}
				both.Wait()
				if together := time.Since(began) < 15*time.Second; together != tc.wantTogether {
					t.Errorf("both took %v", time.Since(began))
				}
				said := slices.ContainsFunc(waiting, func(w string) bool { return tc.waits != "" && strings.Contains(w, tc.waits) })
				if said != (tc.waits != "") {
					t.Errorf("waits: %q, want %q", waiting, tc.waits)
				}
			})
		})
	}
}

// The machine's own number counts where the profile has tasks counted.
func TestPidsOfTheMachine(t *testing.T) {
	profile := resources.DefaultProfile()
	if n, err := pidsOf(Capacity{}, &profile); n != 0 || err != nil {
		t.Errorf("without podPidsLimit: %d, %v", n, err)
	}
	profile.Cgroup.PodPidsLimit = 10
	if n, err := pidsOf(Capacity{Pids: 7}, &profile); n != 7 || err != nil {
		t.Errorf("of a node that says: %d, %v", n, err)
	}
	most, err := hostPids()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := pidsOf(Capacity{}, &profile); n <= 0 || n >= most || err != nil {
		t.Errorf("of this machine, which has %d: %d, %v", most, n, err)
	}
}
