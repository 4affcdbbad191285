// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"testing"
)

// What a task waits for is written down for others while it waits, and gone
// when it has its turn.
func TestWaitingRecorded(t *testing.T) {
	x := newExecutor(t, func(c *Config) { c.Capacity = Capacity{CPUMilli: 1000, Memory: 1 << 30} })
	ctx, stop := context.WithCancel(context.Background())
	began, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends with ctx
		defer close(ended)
		task := hog("sleep", "60000")
		task.Grace = -1
		_, _ = x.Run(ctx, task, WithEvents(func(e Event) {
			if e.Type == EventStarted {
				close(began)
			}
		}))
	}()
	<-began
	var told, written string
	r, err := x.Run(context.Background(), hog("out", "x"), WithEvents(func(e Event) {
		if e.Type == EventQueued {
			told, written = e.Queued.Waiting, ReadWaiting(x.StateDir(), e.ID)
			stop()
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	<-ended
	if told == "" || written != told {
		t.Errorf("told %q, written %q", told, written)
	}
	if left := ReadWaiting(x.StateDir(), r.ID); left != "" {
		t.Errorf("after its turn: %q", left)
	}
}
