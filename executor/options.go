// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"drydock/resources"
	"drydock/sandbox"
)

// RunOption changes how one Run is done.
type RunOption func(*options)

type options struct {
	streams sandbox.Streams
	events  func(Event)
	output  bool
	kill    <-chan struct{}
	resize  <-chan sandbox.TerminalSize
	loan    *Loan
	id      *string // nil: a new one

	// These make a Run of the package, or of an Executor, differ in its Config.
	sandbox  sandbox.Sandbox
	stateDir string
	profile  *resources.Profile
}

// WithStreams connects the task's standard streams. Without it stdin is empty
// and output goes to the attempt's log only. Every attempt gets the same ones.
func WithStreams(s sandbox.Streams) RunOption {
	return func(o *options) { o.streams = s }
}

// WithEvents calls f for every event, in order and one at a time, from
// goroutines of Run's; all calls are over when Run returns. f must not block
// for long: the task's output waits for it.
func WithEvents(f func(Event)) RunOption {
	return func(o *options) { o.events = f }
}

// WithOutputEvents makes events of the task's output, too; what WithStreams
// connected still gets it.
func WithOutputEvents() RunOption {
	return func(o *options) { o.output = true }
}

// WithKill ends the task at once, without a grace period, when c is closed.
func WithKill(c <-chan struct{}) RunOption {
	return func(o *options) { o.kill = c }
}

// WithResize passes the sizes that c delivers on to the task's terminal, where
// it has one (Task.TTY).
func WithResize(c <-chan sandbox.TerminalSize) RunOption {
	return func(o *options) { o.resize = c }
}

// WithID makes id, one of NewID's, the task's own, so that the caller can write
// it down before anything starts and find the task again with Adopt. An id of
// another form, or one that a task already has, is refused (*RefusedError).
func WithID(id string) RunOption {
	return func(o *options) { o.id = &id }
}

// WithLoan lets l decide whether the task's running attempt is counted.
func WithLoan(l *Loan) RunOption {
	return func(o *options) { o.loan = l }
}

// WithSandbox runs the task in another sandbox, whether it has an image or not.
func WithSandbox(s sandbox.Sandbox) RunOption {
	return func(o *options) { o.sandbox = s }
}

// WithStateDir keeps the attempts in another state directory.
func WithStateDir(dir string) RunOption {
	return func(o *options) { o.stateDir = dir }
}

// WithProfile completes the task's resources by another cluster's rules.
func WithProfile(p resources.Profile) RunOption {
	return func(o *options) { o.profile = &p }
}
