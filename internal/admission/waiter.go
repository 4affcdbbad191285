// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"time"
)

// tellEvery is how often at most a waiting task says what it waits for.
const tellEvery = 5 * time.Second

// waiter is one call of Take under way.
type waiter struct {
	request Request
	since   time.Duration
	reasons chan string   // the latest one; see say
	done    chan struct{} // closed when claim or err is set
	claim   *Claim
	err     error
}

// newWaiter is one that comes now, or has its place from before.
func newWaiter(r Request, now time.Duration) *waiter {
	since := now
	if r.Since > 0 {
		since = r.Since
	}
	return &waiter{request: r, since: since, reasons: make(chan string, 1), done: make(chan struct{})}
}

// settle ends the wait; the caller owns the queue.
func (w *waiter) settle(c *Claim, err error) {
	if c != nil {
		c.Since = w.since
	}
	w.claim, w.err = c, err
	close(w.done)
}

// say leaves a reason to be told; one that was not told yet is replaced. One
// goroutine at a time calls it.
func (w *waiter) say(reason string) {
	select {
	case <-w.reasons:
	default:
	}
	w.reasons <- reason
}

// wait returns when the wait is settled (true) or ctx ends, and tells the
// reasons meanwhile: the first at once, others when they differ, not too often.
func (w *waiter) wait(ctx context.Context, tell func(string)) bool {
	var told, latest string
	var quiet <-chan time.Time // nil: a reason may be told at once
	for {
		select {
		case <-w.done:
			return true
		case <-ctx.Done():
			return false
		case latest = <-w.reasons:
		case <-quiet:
			quiet = nil
		}
		if quiet == nil && latest != told {
			tell(latest)
			told, quiet = latest, time.After(tellEvery)
		}
	}
}
