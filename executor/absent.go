// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"path/filepath"
	"time"

	"drydock/internal/state"
	"drydock/sandbox"
)

// absent is the sandbox of an adopted task that cannot be reached, such as an
// engine that is down. What has ended can be read without it.
type absent struct{ err error }

func (a absent) Start(context.Context, sandbox.Spec, sandbox.Streams) (sandbox.Running, error) {
	return nil, a.err
}

// Attach finds an attempt that left its facts.
func (a absent) Attach(_ context.Context, spec sandbox.Spec) (sandbox.Running, error) {
	var o sandbox.Outcome
	if state.ReadJSON(filepath.Join(spec.Dir, state.OutcomeFile), sandbox.OutcomeVersion, &o) != nil {
		return nil, a.err
	}
	return over{o}, nil
}

// over is an attempt that ended before anybody looked.
type over struct{ outcome sandbox.Outcome }

func (over) Events() <-chan sandbox.Event {
	none := make(chan sandbox.Event)
	close(none)
	return none
}

func (over) Stop(sandbox.StopReason, time.Duration) {}

func (o over) Wait() (sandbox.Outcome, error) { return o.outcome, nil }
