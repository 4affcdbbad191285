// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/resources"
)

// A task that waits says for what; when it is cancelled it was aborted.
func TestRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, func(c *Config) { c.Capacity = Capacity{CPUMilli: 2000, Memory: 1 << 30} })
		big := hog("sleep", "10000")
		big.Resources.Memory = resources.Of("1Gi")
		var first sync.WaitGroup
		defer first.Wait()
		first.Go(func() {
			if _, err := x.Run(t.Context(), big); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()

		var waiting []string
		listen := WithEvents(func(e Event) {
			if e.Queued != nil {
				waiting = append(waiting, e.Queued.Waiting)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		result, err := x.Run(ctx, hog("exit", "0"), listen)
		if _, ok := errors.AsType[*AbortedError](err); !ok || !errors.Is(err, context.DeadlineExceeded) || len(result.Attempts) != 0 {
			t.Errorf("cancelled while waiting: %v with %d attempts", err, len(result.Attempts))
		}
		began := time.Now()
		if _, err := x.Run(t.Context(), hog("exit", "0"), listen); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited != 9*time.Second {
			t.Errorf("waited %v, want until the first had ended", waited)
		}
		if len(waiting) != 2 || !strings.Contains(waiting[0], "waits for 1Gi of memory (free 0 of 1Gi); held by ") {
			t.Errorf("waiting for %q", waiting)
		}
	})
}

// What never fits is refused at once, by each of the amounts.
func TestNeverFits(t *testing.T) {
	x := newExecutor(t, func(c *Config) { c.Capacity = Capacity{CPUMilli: 4000, Memory: 21 << 30, Disk: 10 << 30} })
	for want, change := range map[string]func(*resources.Resources){
		"asks for 64Gi memory, and this machine allocates at most 21Gi": func(r *resources.Resources) { r.Memory = resources.Of("64Gi") },
		"asks for 5 cpu, and this machine allocates at most 4":          func(r *resources.Resources) { r.CPU = resources.Of("5") },
		"asks for 20Gi disk, and this machine allocates at most 10Gi":   func(r *resources.Resources) { r.Disk = "20Gi" },
	} {
		task := hog("exit", "0")
		change(&task.Resources)
		result, err := x.Run(t.Context(), task)
		if err == nil || !strings.Contains(err.Error(), want) || result.Verdict.Class != Refused {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A node larger than the machine is no secret.
func TestBeyondHost(t *testing.T) {
	host, err := HostTotal()
	if err != nil {
		t.Fatal(err)
	}
	node := Capacity{CPUMilli: 4000, Memory: 4 * host.Memory}
	for _, tc := range []struct {
		limit int64
		warns bool
	}{{host.Memory, false}, {2 * host.Memory, true}, {5 * host.Memory, false}} { // the last is above the node, which need tells
		limit, err := resources.Quantity(strconv.FormatInt(tc.limit, 10)).Parse()
		if err != nil {
			t.Fatal(err)
		}
		w := node.beyondHost(resources.Demand{Memory: resources.Allotment{Limit: limit}})
		if (len(w) > 0) != tc.warns {
			t.Errorf("a limit of %d of %d: %v", tc.limit, host.Memory, w)
		}
	}
}

func TestMemTotal(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal:       24683652 kB\nMemFree: 1 kB\n": 24683652 << 10,
		"MemFree: 1 kB\nMemTotal: 8 kB\n":              8 << 10,
		"":                                             0,
		"MemTotal: lots kB\n":                          0,
	} {
		got, err := memTotal(strings.NewReader(text))
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
