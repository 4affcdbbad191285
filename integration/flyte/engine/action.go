// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
)

// newAction reads what a parent asks for.
func newAction(in *actions.Action, now time.Time) (*Action, error) {
	id := in.GetActionId()
	run := RunID{id.GetRun().GetProject(), id.GetRun().GetDomain(), id.GetRun().GetName()}
	if err := checkNames(run.Project, run.Domain, run.Name, id.GetName(), in.GetParentActionName()); err != nil {
		return nil, err
	}
	a := &Action{ID: ActionID{run, id.GetName()}, Parent: in.GetParentActionName(), Group: in.GetGroup(),
		InputURI: strings.TrimSuffix(in.GetInputUri(), "/inputs.pb"), Created: now,
		Task: in.GetTask(), Trace: in.GetTrace(), Condition: in.GetCondition()}
	switch {
	case a.Task != nil:
		if a.Task.GetSpec().GetTaskTemplate() == nil {
			return nil, fmt.Errorf("%w: action %s has no task template", ErrInvalid, id.GetName())
		}
	case a.Trace != nil:
		if !Terminal(a.Trace.Phase) {
			return nil, fmt.Errorf("%w: trace %s is in phase %s, which is not an end", ErrInvalid, id.GetName(), a.Trace.Phase)
		}
	case a.Condition == nil:
		return nil, fmt.Errorf("%w: action %s is no task, trace or condition", ErrInvalid, id.GetName())
	}
	return a, nil
}

// checkNames keeps names from meaning anything in paths and keys. The api
// package is stricter.
func checkNames(names ...string) error {
	for _, name := range names {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return fmt.Errorf("%w: %q is no name of a project, domain, run or action", ErrInvalid, name)
		}
	}
	return nil
}

// maxErrorDocument is how much of an error.pb is read; it holds a traceback.
const maxErrorDocument = 4 << 20

// traceError is what a failed trace failed with: its parent wrote it down
// beside its inputs and says no more on the wire.
func (e *Engine) traceError(ctx context.Context, in *actions.Action) *core.ExecutionError {
	uri := strings.TrimSuffix(in.GetRunOutputBase(), "/") + "/" + in.GetActionId().GetName() + "/error.pb"
	failure, err := ReadError(ctx, e.c.Objects, uri)
	if err != nil || failure == nil {
		return &core.ExecutionError{Kind: core.ExecutionError_SYSTEM, Code: "TraceErrorMissing",
			Message: fmt.Sprintf("the trace failed, and its error document %s cannot be read: %v", uri, err)}
	}
	return failure
}

// ReadError reads an error document; nil when there is none.
func ReadError(ctx context.Context, objects Objects, uri string) (*core.ExecutionError, error) {
	data, err := objects.Read(ctx, uri, maxErrorDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var doc core.ErrorDocument
	if err := proto.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	failure := doc.GetError()
	return &core.ExecutionError{Code: failure.GetCode(), Message: failure.GetMessage(),
		Kind: failure.GetOrigin(), Recoverability: failure.GetKind()}, nil
}

// failure is an error of the engine's own making.
func failure(kind core.ExecutionError_ErrorKind, code, format string, args ...any) *core.ExecutionError {
	return &core.ExecutionError{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ordinary reports whether an error's code is the user's own, and none that
// the SDK or this package gives a meaning to.
func ordinary(e *core.ExecutionError) bool {
	if e.GetKind() != core.ExecutionError_USER || e.GetCode() == "" {
		return false
	}
	for _, word := range []string{"OOM", "INTERRUPTED", "TIMEOUT", "EXCEEDED", "RETRIESEXHAUSTED", "UNKNOWN", "IMAGE", "PRIMARYCONTAINER", "GPU", "APPLE_SILICON", "BADTASKSPECIFICATION"} {
		if strings.Contains(strings.ToUpper(e.Code), word) {
			return false
		}
	}
	return true
}
