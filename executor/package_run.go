// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"io"

	"drydock/sandbox"
)

// Run runs the task with this machine's own sandbox, or in the container engine
// that the environment names where it has an image, and with the usual state
// directory; see Executor.Run. A program whose tasks have images calls
// docker.HandOver first thing in main, or has drydock installed beside it.
//
// Run may be called any number of times at once: all calls share the machine.
func Run(ctx context.Context, task Task, opts ...RunOption) (*Result, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	box, done, err := boxFor(ctx, task, o)
	if err != nil {
		return NotStarted(abortedOr(ctx, err), opts...)
	}
	defer done()
	x, err := New(Config{
		Sandbox: box, Images: func(context.Context) (sandbox.Sandbox, error) { return box, nil },
		StateDir: o.stateDir, Profile: o.profile,
	})
	if err != nil {
		return NotStarted(err, opts...)
	}
	return x.Run(ctx, task, opts...)
}

// closingSandbox holds connections.
type closingSandbox interface {
	sandbox.Sandbox
	io.Closer
}

// boxFor is the sandbox for one task; done gives back what it holds.
func boxFor(ctx context.Context, task Task, o options) (box sandbox.Sandbox, done func(), err error) {
	switch {
	case o.sandbox != nil:
		return o.sandbox, func() {}, nil
	case task.Image == "" && (task.Environment == nil || task.Environment.Image == ""):
		box, err = defaultSandbox()
		return box, func() {}, err
	}
	engine, err := defaultImages(ctx)
	if err != nil {
		return nil, nil, err
	}
	return engine, func() { _ = engine.Close() }, nil
}

// NotStarted returns the result and the error of a task that never came to an
// Executor, because err stood in the way: a usage error (*RefusedError and the
// errors of packages resources and sandbox are told as refusals), or a failure
// of drydock's own. It sends the ended event to WithEvents's consumer, so that
// whoever reads the stream finds its last line.
func NotStarted(err error, opts ...RunOption) (*Result, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	r := &run{result: &Result{}, emitter: &emitter{consume: o.events}}
	r.giveUp(err)
	r.finish()
	return r.result, verdictError(r.result)
}
