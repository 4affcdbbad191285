// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"io"
	"time"
)

// followed is the body of an answer that goes on. Close ends it.
type followed struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (f followed) Close() error {
	f.cancel()
	return f.ReadCloser.Close()
}

// follow opens an answer that goes on. The head of it must come within the
// deadline of a quick call; the rest is bounded by ctx alone.
func follow(ctx context.Context, e *Engine, call string, open func(context.Context) (io.ReadCloser, error)) (io.ReadCloser, error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(e.limits.quick, func() { cancel(errSlow) })
	body, err := open(ctx)
	if !timer.Stop() && err == nil { // the answer came just as it was given up
		_ = body.Close()
		err = errSlow
	}
	if err != nil {
		defer cancel(nil)
		return nil, explain(ctx, call, time.Since(began), err)
	}
	return followed{body, func() { cancel(nil) }}, nil
}
