// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/objects"
	"drydock/integration/flyte/registry"
)

// invalid is an error of the caller's that repeating will not mend.
func invalid(format string, args ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, args...))
}

func notFound(format string, args ...any) error {
	return connect.NewError(connect.CodeNotFound, fmt.Errorf(format, args...))
}

func exists(format string, args ...any) error {
	return connect.NewError(connect.CodeAlreadyExists, fmt.Errorf(format, args...))
}

// precondition is for what is as it is and nobody's fault of this moment.
func precondition(format string, args ...any) error {
	return connect.NewError(connect.CodeFailedPrecondition, fmt.Errorf(format, args...))
}

func unimplemented(format string, args ...any) error {
	return connect.NewError(connect.CodeUnimplemented, fmt.Errorf(format, args...))
}

// codes are the errors of others. What a code makes clients do: INTERNAL and
// UNAVAILABLE are tried again for some seconds, RESOURCE_EXHAUSTED by a
// running task without end, and CANCELED makes a running task stop listening
// for good, so it is never sent.
var codes = []struct {
	err  error
	code connect.Code
}{
	{engine.ErrNotFound, connect.CodeNotFound},
	{engine.ErrExists, connect.CodeAlreadyExists},
	{engine.ErrInvalid, connect.CodeInvalidArgument},
	{engine.ErrBusy, connect.CodeResourceExhausted},
	{engine.ErrRunOver, connect.CodeAborted},
	{engine.ErrShutdown, connect.CodeUnavailable},
	{registry.ErrNotFound, connect.CodeNotFound},
	{registry.ErrExists, connect.CodeAlreadyExists},
	{registry.ErrInvalid, connect.CodeInvalidArgument},
	{objects.ErrNotFound, connect.CodeNotFound},
	{objects.ErrInvalidKey, connect.CodeInvalidArgument},
	{objects.ErrNoSpace, connect.CodeResourceExhausted}, // to be tried again: there may be room then
	{syscall.ENOSPC, connect.CodeResourceExhausted},
	{syscall.EDQUOT, connect.CodeResourceExhausted},
	{context.DeadlineExceeded, connect.CodeDeadlineExceeded},
	{context.Canceled, connect.CodeUnavailable},
}

// coded gives an error the code that says what the client should do.
func coded(err error) error {
	if err == nil {
		return nil
	}
	var known *connect.Error
	if errors.As(err, &known) {
		if known.Code() == connect.CodeCanceled {
			return connect.NewError(connect.CodeUnavailable, errors.New(known.Message()))
		}
		return known
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return connect.NewError(c.code, err)
		}
	}
	return connect.NewError(connect.CodeInternal, err)
}
