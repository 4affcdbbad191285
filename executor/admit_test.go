// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/resources"
)

// inQueue takes leases for a machine of 4 GiB: each asks in turn for so many
// GiB and holds them for a second.
func inQueue(t *testing.T, needs ...int64) []string {
	t.Helper()
	var order []string
	synctest.Test(t, func(t *testing.T) {
		a := &admission{capacity: Capacity{CPUMilli: 4000, Memory: 4 << 30}}
		began := time.Now()
		var mu sync.Mutex
		var all sync.WaitGroup
		for i, gib := range needs {
			all.Go(func() {
				lease, err := a.take(t.Context(), Capacity{CPUMilli: 100, Memory: gib << 30}, func(string) {})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, fmt.Sprintf("%d at %v", i, time.Since(began)))
				mu.Unlock()
				time.Sleep(time.Second)
				lease.Release()
				lease.Release() // the second does nothing
			})
			synctest.Wait() // each queues before the next comes
		}
		all.Wait()
		if !a.used.IsZero() || len(a.waiting) != 0 {
			t.Errorf("%v is still taken, %d wait", a.used, len(a.waiting))
		}
	})
	return order
}

func TestAdmissionIsFirstComeFirstServed(t *testing.T) {
	for name, tc := range map[string]struct {
		needs []int64
		want  []string
	}{
		"all fit":                     {[]int64{1, 1, 2}, []string{"0 at 0s", "1 at 0s", "2 at 0s"}},
		"one after the other":         {[]int64{4, 4, 4}, []string{"0 at 0s", "1 at 1s", "2 at 2s"}},
		"a small one does not jump":   {[]int64{3, 4, 1}, []string{"0 at 0s", "1 at 1s", "2 at 2s"}},
		"two at once after a big one": {[]int64{4, 2, 2}, []string{"0 at 0s", "1 at 1s", "2 at 1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := inQueue(t, tc.needs...)
			if len(got) == len(tc.want) && tc.want[len(got)-1][4:] == tc.want[len(got)-2][4:] {
				// Two that are let in at the same time may say so in any order.
				if got[len(got)-1] < got[len(got)-2] {
					got[len(got)-1], got[len(got)-2] = got[len(got)-2], got[len(got)-1]
				}
			}
			diff(t, tc.want, got)
		})
	}
}

// Who leaves the queue lets those behind him through, and takes nothing along.
func TestAdmissionLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &admission{capacity: Capacity{CPUMilli: 4000, Memory: 4 << 30}}
		take := func(ctx context.Context, gib int64) (*Lease, error) {
			return a.take(ctx, Capacity{CPUMilli: 100, Memory: gib << 30}, func(string) {})
		}
		first, err := take(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() { _, err := take(ctx, 4); left <- err }()
		synctest.Wait()
		let := make(chan *Lease, 1)
		go func() { l, _ := take(t.Context(), 1); let <- l }()
		synctest.Wait()
		cause := errors.New("enough")
		cancel(cause)
		if err := <-left; !errors.Is(err, cause) {
			t.Errorf("who left got %v", err)
		}
		(<-let).Release()
		first.Release()
		if !a.used.IsZero() {
			t.Errorf("%v is still taken", a.used)
		}
	})
}

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
		if len(waiting) != 2 || !strings.Contains(waiting[0], "waits until 1 CPU, 1 GiB memory are free") {
			t.Errorf("waiting for %q", waiting)
		}
	})
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

func TestRoundSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		500: "500", 3 << 20: "3Mi", 970<<20 + 5: "970Mi", 21<<30 + 700<<20: "21Gi",
	} {
		if got := roundSize(bytes); got != want {
			t.Errorf("roundSize(%d) = %s, want %s", bytes, got, want)
		}
	}
}
