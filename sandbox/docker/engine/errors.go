// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"drydock/sandbox"
)

// Kind classifies what went wrong with a call.
type Kind string

// The kinds of errors.
const (
	NotFound   Kind = "not found"   // no such container
	NoImage    Kind = "no image"    // the engine has no such image
	NameInUse  Kind = "name in use" // another container has the name
	NotRunning Kind = "not running" // what was asked needs a running container
	Conflict   Kind = "conflict"    // with the container's state, otherwise
	Invalid    Kind = "invalid"     // the engine refused what was asked
	Gone       Kind = "gone"        // the connection broke, or nobody answers
	Slow       Kind = "slow"        // no answer within the call's deadline
	Cancelled  Kind = "cancelled"   // the caller's context ended
	Failed     Kind = "failed"      // anything else, in the engine's words
)

// Error is a call of the engine that did not succeed.
type Error struct {
	Call    string // what was asked: "create container"
	Kind    Kind
	Message string        // the engine's words, or ours where it said none
	Took    time.Duration // until the call was given up
	err     error
}

func (e *Error) Error() string { return e.Call + ": " + e.Message }

func (e *Error) Unwrap() error { return e.err }

// KindOf returns the kind of a failed call, and "" for nil or an error that is
// none of this package's calls.
func KindOf(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// StartError says that the engine could not start a container's program. It
// also is an *Error, for KindOf.
type StartError struct {
	Reason sandbox.StartReason
	// Code is the exit code that docker run has for it: 127 when the program
	// is not there, 126 when it cannot be run, 125 otherwise.
	Code    int
	Message string // the engine's words
	// Remedy and Stale are an AcceleratorError's, with that reason.
	Remedy string
	Stale  bool
	err    *Error
}

func (e *StartError) Error() string { return e.err.Error() }

func (e *StartError) Unwrap() error { return e.err }

// errSlow is the cause of a context that ended with a call's own deadline.
var errSlow = errors.New("the call's deadline passed")

// explain turns what the client gave for a call into an *Error. ctx is the
// context that the call itself had.
func explain(ctx context.Context, call string, took time.Duration, err error) error {
	if err == nil {
		return nil
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	e := &Error{Call: call, Took: took, Message: words(err), err: err}
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errSlow):
		e.Kind = Slow
		e.Message = fmt.Sprintf("the engine did not answer within %s", took.Round(time.Millisecond))
	case ctx.Err() != nil:
		e.Kind = Cancelled
		e.Message = context.Cause(ctx).Error()
		e.err = context.Cause(ctx)
	default:
		e.Kind = kindOf(err, e.Message)
	}
	return e
}

// words are what the engine said, without what the client puts before it.
func words(err error) string {
	message := strings.TrimSpace(err.Error())
	message = strings.TrimPrefix(message, "Error response from daemon: ")
	if message == "" {
		return "the engine gave no reason"
	}
	return message
}

// noContainer is in what every engine says of a container that is not there.
const noContainer = "no such container"

func kindOf(err error, message string) Kind {
	has := func(word string) bool { return strings.Contains(strings.ToLower(message), word) }
	switch {
	case connectionBroke(err):
		return Gone
	// Podman answers 500 for some of these: the words come before the status.
	case has("no such image") || has("image not known"):
		return NoImage
	case has("container name") && has("already in use"):
		return NameInUse
	case has("is not running") || has("can only kill running containers"):
		return NotRunning
	case errdefs.IsNotFound(err) || has(noContainer):
		return NotFound
	case errdefs.IsConflict(err):
		return Conflict
	case errdefs.IsInvalidArgument(err):
		return Invalid
	}
	return Failed
}

// connectionBroke says whether err is about the way to the engine, not about
// what it answered.
func connectionBroke(err error) bool {
	var op *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &op) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
