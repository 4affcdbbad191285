// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"drydock/gpu"
	"drydock/internal/admission"
)

// slowDesk lets in late, and remembers who came and what came of it.
type slowDesk struct {
	desk
	late   func()
	asked  []admission.Request
	claims []*admission.Claim
}

func (d *slowDesk) Take(ctx context.Context, r admission.Request, tell func(string)) (*admission.Claim, error) {
	c, err := d.desk.Take(ctx, r, tell)
	d.asked, d.claims = append(d.asked, r), append(d.claims, c)
	d.late()
	return c, err
}

// Somebody else's program begins on the device just as the task is let in: it
// waits for that, and has not lost its place in the queue.
func TestStrangerTakesItFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := machine{inv: a100s(1)}
		x := newExecutor(t, func(c *Config) { c.Devices = here.look })
		d := &slowDesk{desk: x.desk}
		d.late = func() {
			if len(d.asked) == 1 {
				here.change(func(inv *gpu.Inventory) {
					inv.Devices[0].Processes = []gpu.Process{{PID: 4242, Kind: gpu.Compute, Name: "python"}}
				})
				time.Sleep(time.Minute)
				time.AfterFunc(time.Minute, func() { here.change(func(inv *gpu.Inventory) { inv.Devices[0].Processes = nil }) })
			}
		}
		x.desk = d
		time.Sleep(time.Second) // its clock begins at 0, which is nobody's place
		r, err := x.Run(t.Context(), asking(t, "1", "exit", "0"))
		if err != nil || len(r.Attempts) != 1 || len(d.asked) != 2 {
			t.Fatalf("%d requests, %+v, %v", len(d.asked), r.Attempts, err)
		}
		if place := d.claims[0].Since; place != time.Second || d.asked[0].Since != 0 || d.asked[1].Since != place || d.claims[1].Since != place {
			t.Errorf("it stood at %v, came back to %v and was let in from %v", place, d.asked[1].Since, d.claims[1].Since)
		}
		x.desk = d.desk
		devicesFree(t, x)
	})
}
