// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Sandbox starts attempts. Implementations are safe for concurrent use.
type Sandbox interface {
	// Start begins one attempt and returns once its supervisor runs; the
	// program itself may still be on its way. An error means that nothing
	// was left behind and that no Outcome will come. ctx bounds the start
	// only: a running attempt is ended through Running.Stop.
	Start(ctx context.Context, spec Spec, streams Streams) (Running, error)
}

// Running is an attempt under way. Its methods are safe for concurrent use.
type Running interface {
	// Events delivers what happens, in order, and is closed when the attempt
	// has ended. The caller must drain it.
	Events() <-chan Event
	// Stop asks the attempt to end for the given reason: SIGTERM, then
	// SIGKILL after the grace period. A grace of zero kills at once. A
	// second call shortens the grace, never lengthens it. Stopping an ended
	// attempt does nothing.
	Stop(reason StopReason, grace time.Duration)
	// Wait returns the facts once everything of the attempt is gone. An
	// error means the facts are lost (ErrNoOutcome) or could not be read;
	// the Outcome then holds what is known.
	Wait() (Outcome, error)
}

// Resizer is a Running whose terminal can change its size.
type Resizer interface {
	Resize(size TerminalSize)
}

// Inputter is a Running whose program takes input from others, too, than the
// one who started it.
type Inputter interface {
	// Input passes from on to the program's standard input, beside what
	// Streams.Stdin and others bring, each piece that is read as a whole. It
	// returns nil at the end of from, which is not the program's end of input.
	// The error wraps ErrNoInput when the program takes none, or none any
	// more; it is ctx's when that ends first. A reader that cannot be woken is
	// read once more after Input has returned, and what it gives then is lost.
	Input(ctx context.Context, from io.Reader) error
}

// Reporter is a Sandbox that can tell beforehand how it would hold the limits
// of a Spec on this machine (architecture: nothing silent).
type Reporter interface {
	Enforcement(spec Spec) []Enforcement
}

// Preparer is a Sandbox that may have to fetch something before an attempt can
// start.
type Preparer interface {
	// Prepare gets what spec needs, and returns a spec that names exactly what
	// it got: attempts with it run the same, whatever a name means by then.
	// progress, if not nil, is called now and then by one goroutine at a time.
	// Errors are *ImageError, or *UnsupportedError when there is nobody to ask.
	Prepare(ctx context.Context, spec Spec, progress func(Progress)) (Spec, error)
}

// Progress is how far a Prepare has come. Sizes are bytes of what is
// transferred; Total grows while more is found out.
type Progress struct {
	What  string `json:"what"` // the image's reference
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"` // 0: not known yet
}

// Attacher is a Sandbox whose attempts can be taken over by another process
// than the one that started them.
type Attacher interface {
	// Attach follows the attempt that spec's ID, Attempt and Dir name. A
	// living one delivers the events from now on, after those that tell how
	// it stands (started, an OOM, a stop); one that has ended is a Running
	// whose Wait returns at once. What a dead supervisor left is cleaned up,
	// and Wait's error wraps ErrNoOutcome then.
	//
	// An error that wraps ErrNotBegun says that no supervisor ever began the
	// attempt and that none will: the caller has made sure that nobody is in
	// the middle of a Start for it. Several may follow one attempt. ctx
	// bounds the search only, as in Start.
	Attach(ctx context.Context, spec Spec) (Running, error)
}

// TerminalSize is a terminal's size in character cells.
type TerminalSize struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// Streams are the attempt's standard streams. Nil readers are empty and nil
// writers discard. Writers are called from one goroutine each; what they
// refuse is still kept in the attempt's log.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// StopReason says why drydock ended an attempt.
type StopReason string

// The reasons to stop an attempt.
const (
	StopAbort   StopReason = "abort"   // somebody asked
	StopTimeout StopReason = "timeout" // Spec.Timeout ran out
	StopEvict   StopReason = "evict"   // it took more of the disk than Limits.Disk
)

// ErrNoOutcome is wrapped by Running.Wait when the supervisor ended without
// leaving an outcome document (it was killed, or the machine went down).
var ErrNoOutcome = errors.New("the attempt's supervisor left no outcome")

// ErrNoInput is wrapped by Inputter.Input when the program's standard input is
// closed, or never was open.
var ErrNoInput = errors.New("it takes no input")

// ErrNotBegun is wrapped by Attach when there is nothing to follow: the attempt
// was never begun, and will not be.
var ErrNotBegun = errors.New("the attempt was never begun")

// UnsupportedError says that this machine cannot run a sandbox at all.
type UnsupportedError struct {
	What   string // what is missing, e.g. "writable memory cgroup"
	Remedy string // what to do about it
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s; %s", e.What, e.Remedy)
}

// SpecError says that a Spec cannot be run as it stands; nothing was started.
type SpecError struct {
	Field  string // which part of the Spec: "working directory", "mount", "user", …
	Reason string
	Remedy string
}

func (e *SpecError) Error() string {
	msg := e.Field + ": " + e.Reason
	if e.Remedy != "" {
		msg += "; " + e.Remedy
	}
	return msg
}

// ImageError says that an attempt's image cannot be used; nothing was started.
type ImageError struct {
	Image   string
	Reason  StartReason // StartImageName or StartImagePull
	Message string      // the engine's or the registry's words
	Remedy  string
}

func (e *ImageError) Error() string {
	msg := "image " + e.Image + ": " + e.Message
	if e.Remedy != "" {
		msg += "; " + e.Remedy
	}
	return msg
}
