// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/integration/flyte/engine"
	"drydock/internal/report"
)

// follow tells what happens to the run until it is over, and returns its
// verdict as an exit code. stopped says that the person has pressed Ctrl-C
// already.
func (f *flyteRun) follow(ctx context.Context, stopped bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := newFollower(f.w, f.o)
	defer out.close()
	if stopped {
		f.abort(ctx, out)
	}
	left := f.watchSignals(ctx, out, stopped)
	over := make(chan int, 1)
	lost := make(chan error, 1)
	var tails sync.WaitGroup
	told := map[newsKey]bool{} // the next server tells how things stand, again
	go func() {
		lost <- f.news(ctx, out, func(n flyte.News) bool {
			if key := keyOf(n); n.Type != flyte.NewsSample {
				if told[key] {
					return true
				}
				told[key] = true
			}
			if n.Type == flyte.NewsStarted {
				tails.Go(func() { f.tail(ctx, out, n) })
			}
			if n.Type != flyte.NewsOver {
				out.tell(n)
				return true
			}
			patience := tailPatience // what was printed belongs before the end
			if n.Verdict == executor.Aborted {
				patience = 0 // tasks that are being stopped have nothing to say
			}
			waitFor(&tails, patience)
			out.tell(n)
			over <- *n.ExitCode
			return false
		})
	}()
	select {
	case code := <-over:
		return exitWith(code)
	case <-left:
		cancel()
		out.say("left at once; the run's tasks may go on, and the next drydock up takes them up")
		return codeError{exitInterrupted}
	case err := <-lost:
		select {
		case code := <-over:
			return exitWith(code)
		default:
		}
		return fmt.Errorf("the endpoint is gone, and with it the news of run %s: %w; drydock up --native takes the run up again, and flyte get run %s says how it ends", f.id.Name, err, f.id.Name)
	}
}

// newsKey tells news apart that are told once.
type newsKey struct {
	kind    flyte.NewsType
	id      string
	attempt int
	waiting string
}

func keyOf(n flyte.News) newsKey { return newsKey{n.Type, n.ID, n.Attempt, n.Waiting} }

// Times of patience.
const (
	tailPatience   = 5 * time.Second  // for the rest of a log when the run is over
	serverPatience = 30 * time.Second // for the next server when one is gone
)

func waitFor(g *sync.WaitGroup, d time.Duration) {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// errEnough ends a stream of news.
var errEnough = errors.New("enough")

// news reads the run's news, also from the next server when this one goes.
func (f *flyteRun) news(ctx context.Context, out *follower, tell func(flyte.News) bool) error {
	for {
		err := f.current().News(ctx, f.id, func(n flyte.News) error {
			if !tell(n) {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) || ctx.Err() != nil {
			return nil
		}
		if f.end.private {
			return err
		}
		if !f.nextServer(ctx, out.say) {
			return err
		}
	}
}

// nextServer waits for a server after one that went away.
func (f *flyteRun) nextServer(ctx context.Context, say func(string)) bool {
	time.Sleep(100 * time.Millisecond)
	said := false
	for deadline := time.Now().Add(serverPatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		info, err := f.home.Running()
		if err == nil && info != nil && info.Endpoint != "" {
			f.mu.Lock()
			f.client.Close()
			f.client = flyte.NewClient(info.Endpoint)
			f.mu.Unlock()
			return true
		}
		if !said {
			said = true
			say(fmt.Sprintf("the endpoint is gone; waiting %s for the next drydock up to take the run up", report.Lasted(serverPatience)))
		}
	}
	return false
}

// tail passes on what one attempt prints, from the next server too when this
// one goes.
func (f *flyteRun) tail(ctx context.Context, out *follower, n flyte.News) {
	id := engine.ActionID{Run: f.id, Name: n.Action}
	lines := 0 // passed on
	for {
		client, skip := f.current(), lines
		err := client.Tail(ctx, id, n.Attempt, func(text string) error {
			if skip > 0 {
				skip--
				return nil
			}
			lines++
			return out.output(n, text)
		})
		if err == nil || ctx.Err() != nil || errors.Is(err, io.ErrClosedPipe) {
			return
		}
		if f.end.private || !f.another(ctx, client) {
			out.say(fmt.Sprintf("the output of %s cannot be shown: %v", report.OneLine(n.Name), err))
			return
		}
	}
}

// another waits until there is another client than old.
func (f *flyteRun) another(ctx context.Context, old *flyte.Client) bool {
	for deadline := time.Now().Add(serverPatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		if f.current() != old {
			return true
		}
	}
	return false
}

func (f *flyteRun) current() *flyte.Client {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.client
}

// watchSignals aborts the run at the first signal, and lets the caller leave
// at the second.
func (f *flyteRun) watchSignals(ctx context.Context, out *follower, aborted bool) (left <-chan struct{}) {
	leave := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-f.signals:
				if aborted {
					close(leave)
					return
				}
				aborted = true
				f.abort(ctx, out)
			}
		}
	}()
	return leave
}

func (f *flyteRun) abort(ctx context.Context, out *follower) {
	out.say("aborting the run in order; once more leaves at once")
	if err := f.current().Abort(ctx, f.id, "Ctrl-C in drydock flyte"); err != nil {
		out.say(fmt.Sprintf("the run could not be aborted: %v", err))
	}
}
