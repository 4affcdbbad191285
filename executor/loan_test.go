// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/internal/admission"
	"drydock/resources"
	"drydock/sandbox"
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
		nothingTaken(t, x)
	})
}

// Lent before it is admitted, it counts only until then; not lent it counts.
func TestLoanBeforeAdmission(t *testing.T) {
	need := sandbox.Amounts{CPUMilli: 1000, Memory: 1 << 30}
	desk := admission.NewLocal(need)
	var loan Loan
	loan.Lend()
	for range 2 { // one attempt after the other
		claim, err := desk.Take(t.Context(), admission.Request{Demand: admission.Demand{Amounts: need}}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		done := loan.of(claim)
		if taken := desk.Taken(); taken.Memory != 0 {
			t.Errorf("%v is taken although it is lent", taken)
		}
		done()
		claim.Release()
		loan.Recall()
		if taken := desk.Taken(); taken.Memory != 0 {
			t.Errorf("%v is taken by nobody", taken)
		}
		loan.Lend()
	}
}
