// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := hog("ignore", "sleep", "60000")
		task.Timeout, task.Grace = 2*time.Second, time.Second
		result, err := newExecutor(t, nil).Run(t.Context(), task)
		timeout, ok := errors.AsType[*TimeoutError](err)
		if !ok || timeout.Timeout != task.Timeout || ExitCode(result) != 124 {
			t.Errorf("got %T %v, exit %d", err, err, ExitCode(result))
		}
		if a := result.Attempts[0]; a.EndedAt.Sub(a.StartedAt) != 3*time.Second {
			t.Errorf("it ran %v, want timeout and grace", a.EndedAt.Sub(a.StartedAt))
		}
	})
}

// Cancelling the context stops in order, and the cause comes back.
func TestAbort(t *testing.T) {
	for _, tc := range []struct {
		name  string
		words []string
		cause error
		kill  time.Duration // from the start; 0: never
		exit  int
		took  time.Duration
		stops []string
	}{
		{"Ctrl-C, tidies up", []string{"tidy", "sleep", "60000"}, SignalCause{"SIGINT"}, 0, 130, time.Second, []string{"SIGTERM"}},
		{"SIGTERM, ignored", []string{"ignore", "sleep", "60000"}, SignalCause{"SIGTERM"}, 0, 143, 6 * time.Second, []string{"SIGTERM", "SIGKILL"}},
		{"Ctrl-C twice", []string{"ignore", "sleep", "60000"}, SignalCause{"SIGINT"}, 2 * time.Second, 130, 2 * time.Second, []string{"SIGTERM", "SIGKILL"}},
		{"a program's cancel", []string{"sleep", "60000"}, nil, 0, 143, 6 * time.Second, []string{"SIGTERM", "SIGKILL"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				kill := make(chan struct{})
				go func() { time.Sleep(time.Second); cancel(tc.cause) }()
				if tc.kill > 0 {
					go func() { time.Sleep(tc.kill); close(kill) }()
				}
				task := hog(tc.words...)
				task.Grace = 5 * time.Second
				began := time.Now()
				result, err := newExecutor(t, nil).Run(ctx, task, WithKill(kill))
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				aborted, ok := errors.AsType[*AbortedError](err)
				if !ok || ExitCode(result) != tc.exit {
					t.Fatalf("got %T %v, exit %d", err, err, ExitCode(result))
				}
				want := tc.cause
				if want == nil {
					want = context.Canceled
				}
				if !errors.Is(aborted, want) {
					t.Errorf("the cause is %v, want %v", aborted.Cause, want)
				}
				var signals []string
				for _, s := range result.Attempts[0].Outcome.Stops {
					signals = append(signals, s.Signal)
				}
				diff(t, tc.stops, signals)
			})
		})
	}
}

// WithKill alone ends a task without grace.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kill := make(chan struct{})
		go func() { time.Sleep(time.Second); close(kill) }()
		began := time.Now()
		result, err := newExecutor(t, nil).Run(t.Context(), hog("ignore", "sleep", "60000"), WithKill(kill))
		if !isA(func(*AbortedError) bool { return true })(err) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if stops := result.Attempts[0].Outcome.Stops; len(stops) != 1 || stops[0].Signal != "SIGKILL" {
			t.Errorf("stops %+v", stops)
		}
	})
}

func TestCancelledBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := newExecutor(t, nil).Run(ctx, hog())
	if !isA(func(*AbortedError) bool { return true })(err) || len(result.Attempts) != 0 {
		t.Errorf("got %v with %d attempts", err, len(result.Attempts))
	}
}
