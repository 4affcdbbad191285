// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"drydock/gpu"
)

// An answer that was there counts, however late it is read.
func TestCame(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, tc := range []struct {
		name          string
		err           error
		success, late bool
		want          error
	}{
		{"in time", nil, true, false, nil},
		{"read late", nil, true, true, nil},
		{"killed when it had ended", context.DeadlineExceeded, true, true, nil},
		{"killed", errors.New("signal: killed"), false, true, errSilent},
		{"its pipes are held open", exec.ErrWaitDelay, true, true, errSilent},
		{"failed", failed, false, false, failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := came(tc.err, tc.success, tc.late); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// A look that came when the time was over, because this process was held up,
// is no silence; silence is.
func TestLookReadLate(t *testing.T) {
	for range 50 { // the order in which a select takes what is ready is random
		synctest.Test(t, func(t *testing.T) {
			w := &watch{Options: Options{Limit: 5 * time.Second}, every: time.Second, looks: make(chan gpu.Look, 2)}
			lines, read := make(chan gpu.Look), make(chan error)
			go func() {
				for range 2 {
					time.Sleep(w.Limit + w.every)
					lines <- gpu.Look{}
				}
			}()
			began := time.Now()
			err := w.pass(t.Context(), lines, read, io.NopCloser(nil))
			if !errors.Is(err, errSilent) || len(w.looks) != 2 {
				t.Errorf("%v after %v, with %d looks", err, time.Since(began), len(w.looks))
			}
		})
	}
}
