// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/resources"
)

// A parent that waits does not keep its children out.
func TestLoan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, func(c *Config) { c.Capacity = Capacity{CPUMilli: 8000, Memory: 1 << 30} })
		task := func(words ...string) Task {
			task := hog(words...)
			task.Resources.Memory = resources.Of("1Gi")
			return task
		}
		var loan Loan
		var all sync.WaitGroup
		began := time.Now()
		run := func(task Task, until time.Duration, opts ...RunOption) {
			all.Go(func() {
				if _, err := x.Run(t.Context(), task, opts...); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != until {
					t.Errorf("%v ended after %v, want %v", task.Command, took, until)
				}
			})
			synctest.Wait()
		}
		run(task("sleep", "10000"), 10*time.Second, WithLoan(&loan))
		run(task("sleep", "3000"), 4*time.Second) // the child
		time.Sleep(time.Second)
		loan.Lend()
		loan.Lend()
		time.Sleep(time.Second) // the child runs
		loan.Recall()           // beyond the capacity
		loan.Recall()
		run(task("sleep", "1000"), 11*time.Second) // waits for both
		all.Wait()
		loan.Lend() // after the end
		loan.Recall()
		if !x.admission.used.IsZero() {
			t.Errorf("%v is still taken", x.admission.used)
		}
	})
}

// Lent before it is admitted, it counts only until then; not lent it counts.
func TestLoanBeforeAdmission(t *testing.T) {
	a := &admission{capacity: Capacity{CPUMilli: 1000, Memory: 1 << 30}}
	need := Capacity{CPUMilli: 1000, Memory: 1 << 30}
	var loan Loan
	loan.Lend()
	for range 2 { // one attempt after the other
		lease, err := a.take(t.Context(), need, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		done := loan.of(lease)
		if !a.used.IsZero() {
			t.Errorf("%v is taken although it is lent", a.used)
		}
		done()
		lease.Release()
		loan.Recall()
		if !a.used.IsZero() {
			t.Errorf("%v is taken by nobody", a.used)
		}
		loan.Lend()
	}
}

// Whatever the order of lending, recalling, ending and giving up, the books
// never go below nothing, nobody is let in beyond the capacity by admission
// itself, and in the end they balance.
func TestBooksBalance(t *testing.T) {
	a := &admission{capacity: Capacity{CPUMilli: 4000, Memory: 4 << 30}}
	check := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.used.CPUMilli < 0 || a.used.Memory < 0 {
			t.Errorf("the books show %v", a.used)
		}
		if len(a.waiting) > 0 && a.fits(a.waiting[0].need) {
			t.Error("somebody waits although there is room")
		}
	}
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 7))
			for range 200 {
				oneLife(t, a, rng)
				check()
			}
		})
	}
	all.Wait()
	if !a.used.IsZero() || len(a.waiting) != 0 {
		t.Errorf("%v is still taken, %d wait", a.used, len(a.waiting))
	}
}

// oneLife is a task that is lent and recalled at any time by several hands.
func oneLife(t *testing.T, a *admission, rng *rand.Rand) {
	need := Capacity{CPUMilli: 1 + rng.Int64N(4000), Memory: 1 + rng.Int64N(4<<30)}
	var loan Loan
	var hands sync.WaitGroup
	for range 2 {
		seed := rng.Uint64()
		hands.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 1))
			for range rng.IntN(6) {
				if rng.IntN(2) == 0 {
					loan.Lend()
				} else {
					loan.Recall()
				}
			}
		})
	}
	defer hands.Wait()
	var lease *Lease
	if rng.IntN(4) == 0 {
		lease = a.force(need)
	} else {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(2000))*time.Microsecond)
		defer cancel()
		var err error
		if lease, err = a.take(ctx, need, func(string) {}); err != nil {
			return // it gave up
		}
	}
	done := loan.of(lease)
	if rng.IntN(2) == 0 {
		hands.Wait()
	}
	if rng.IntN(2) == 0 { // in either order
		done()
		lease.Release()
	} else {
		lease.Release()
		done()
	}
	lease.Release()
}
