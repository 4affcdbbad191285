// SPDX-License-Identifier: Apache-2.0

package executor

import "context"

// Run runs the task with this machine's own sandbox and the usual state
// directory; see Executor.Run. It may be called any number of times at once:
// all calls share the machine.
func Run(ctx context.Context, task Task, opts ...RunOption) (*Result, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	box := o.sandbox
	if box == nil {
		var err error
		if box, err = defaultSandbox(); err != nil {
			return NotStarted(err, opts...)
		}
	}
	x, err := New(Config{Sandbox: box, StateDir: o.stateDir, Profile: o.profile})
	if err != nil {
		return NotStarted(err, opts...)
	}
	return x.Run(ctx, task, opts...)
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
