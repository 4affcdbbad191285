// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/sandbox"
)

// request asks for memory of a task of its own.
func request(n int, gib int64) Request {
	return Request{ID: testID(n), Attempt: 1, Demand: Demand{Amounts: memory(gib)}}
}

// quiet listens to nothing.
func quiet(string) {}

// testID is the n-th id of the form that tasks have.
func testID(n int) string { return fmt.Sprintf("01JZZZZZZZZZZZZZZZZ%07d", n) }

// Who waits says for what, again when that changes, and not too often.
func TestTakeTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLocal(memory(4))
		var claims []*Claim
		for i := range 4 {
			c, err := l.Take(t.Context(), request(i, 1), quiet)
			if err != nil {
				t.Fatal(err)
			}
			claims = append(claims, c)
		}
		began := time.Now()
		var told []string
		var releases sync.WaitGroup
		releases.Go(func() {
			for _, c := range claims { // within a few seconds: nothing more is told
				time.Sleep(time.Second)
				c.Release()
			}
		})
		c, err := l.Take(t.Context(), request(9, 4), func(s string) { told = append(told, fmt.Sprint(time.Since(began), " ", s)) })
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
		releases.Wait()
		first := fmt.Sprintf("0s waits for 4Gi of memory (free 0 of 4Gi); held by %s, %s, %s and 1 more", testID(0), testID(1), testID(2))
		if len(told) != 1 || told[0] != first || time.Since(began) != 4*time.Second {
			t.Errorf("%q after %v", told, time.Since(began))
		}
	})
}

// inQueue takes claims on a machine of 4 GiB: each asks in turn for so many
// GiB and holds them for a second.
func inQueue(t *testing.T, needs ...int64) []string {
	t.Helper()
	var order []string
	synctest.Test(t, func(t *testing.T) {
		l := NewLocal(memory(4))
		began := time.Now()
		var mu sync.Mutex
		var all sync.WaitGroup
		for i, gib := range needs {
			all.Go(func() {
				claim, err := l.Take(t.Context(), request(i, gib), quiet)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, fmt.Sprintf("%d at %v", i, time.Since(began)))
				mu.Unlock()
				time.Sleep(time.Second)
				claim.Release()
				claim.Release() // the second does nothing
			})
			synctest.Wait() // each queues before the next comes
		}
		all.Wait()
		if taken := l.Taken(); taken.Memory != 0 || len(l.waiting) != 0 {
			t.Errorf("%v is still taken, %d wait", taken, len(l.waiting))
		}
	})
	return order
}

func TestFirstComeFirstServed(t *testing.T) {
	for name, tc := range map[string]struct {
		needs []int64
		want  []string
	}{
		"all fit":                     {[]int64{1, 1, 2}, []string{"0 at 0s", "1 at 0s", "2 at 0s"}},
		"one after the other":         {[]int64{4, 4, 4}, []string{"0 at 0s", "1 at 1s", "2 at 2s"}},
		"a small one passes":          {[]int64{3, 4, 1}, []string{"0 at 0s", "2 at 0s", "1 at 1s"}},
		"two at once after a big one": {[]int64{4, 2, 2}, []string{"0 at 0s", "1 at 1s", "2 at 1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := inQueue(t, tc.needs...)
			slices.Sort(got) // those who are let in at the same time say so in any order
			slices.Sort(tc.want)
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// Who leaves the queue lets those behind him through, and takes nothing along.
func TestTakeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLocal(memory(4))
		first, err := l.Take(t.Context(), request(0, 3), quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { _, err := l.Take(ctx, request(1, 4), func(string) {}); ended <- err }()
		time.Sleep(2 * patience) // now it is let pass by nobody whom it would wait for
		let := make(chan *Claim, 1)
		go func() { c, _ := l.Take(t.Context(), request(2, 1), func(string) {}); let <- c }()
		synctest.Wait()
		select {
		case <-let:
			t.Fatal("an old one was passed by one that keeps it out")
		default:
		}
		cause := errors.New("enough")
		cancel(cause)
		if err := <-ended; !errors.Is(err, cause) {
			t.Errorf("who left got %v", err)
		}
		(<-let).Release()
		first.Release()
		if taken := l.Taken(); taken.Memory != 0 {
			t.Errorf("%v is still taken", taken)
		}
	})
}

// Whatever the order of lending, recalling, ending and giving up, the books
// never go below nothing and balance in the end, and nobody waits while there
// is room for him.
func TestLocalBalances(t *testing.T) {
	l := NewLocal(sandbox.Amounts{CPUMilli: 4000, Memory: 4 << 30})
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 7))
			for range 200 {
				oneLife(t, l, rng)
				l.mu.Lock()
				for i, at := range walk(l.counted(), l.tickets(), l.now(), func(Ticket) bool { return false }) {
					if at.start {
						t.Errorf("number %d waits although there is room", i)
					}
				}
				l.mu.Unlock()
			}
		})
	}
	all.Wait()
	if taken := l.Taken(); taken.Amounts != (sandbox.Amounts{}) || len(l.waiting) != 0 {
		t.Errorf("%v is still taken, %d wait", taken, len(l.waiting))
	}
}

// oneLife is a claim that several hands lend and recall at any time.
func oneLife(t *testing.T, l *Local, rng *rand.Rand) {
	r := Request{ID: testID(0), Demand: Demand{Amounts: sandbox.Amounts{CPUMilli: 1 + rng.Int64N(4000), Memory: 1 + rng.Int64N(4<<30)}}}
	var claim *Claim
	if rng.IntN(4) == 0 {
		claim, _ = l.Force(r)
	} else {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(2000))*time.Microsecond)
		defer cancel()
		var err error
		if claim, err = l.Take(ctx, r, func(string) {}); err != nil {
			return // it gave up
		}
	}
	var hands sync.WaitGroup
	for range 2 {
		seed := rng.Uint64()
		hands.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 1))
			for range rng.IntN(6) {
				if rng.IntN(2) == 0 {
					claim.Lend()
				} else {
					claim.Recall()
				}
			}
		})
	}
	if rng.IntN(2) == 0 {
		hands.Wait()
	}
	claim.Release()
	hands.Wait()
	claim.Release()
}
