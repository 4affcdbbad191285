// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"drydock/sandbox/docker/engine"
)

// updated is an engine that is away until some time, and then knows the code.
type updated struct{ until time.Time }

func (u updated) gone() error {
	if time.Now().Before(u.until) {
		return &engine.Error{Kind: engine.Gone}
	}
	return nil
}

func (u updated) Start(context.Context, string) error { return u.gone() }
func (u updated) Wait(context.Context, string) (engine.Exit, error) {
	return engine.Exit{Code: 7}, u.gone()
}
func (u updated) Inspect(context.Context, string) (engine.State, error) {
	return engine.State{Running: true}, u.gone()
}
func (u updated) Kill(context.Context, string, string) error           { return u.gone() }
func (u updated) Resize(context.Context, string, uint16, uint16) error { return u.gone() }

// An engine that nobody else can stand in for is given up some time. Where the
// kernel tells of the end, the engine is needed for the exit code only, and
// asked for it until then.
func TestEngineAwayForLong(t *testing.T) {
	for name, followed := range map[string]*process{"followed": {fd: -1}, "alone": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(updated{time.Now().Add(4 * engineAway)}, "x", nil)
				defer b.end()
				b.main = followed
				b.await()
				exit := b.Reap()
				if known := exit != nil && exit.Code == 7; known != (followed != nil) {
					t.Errorf("it ended with %+v", exit)
				}
			})
		})
	}
}
