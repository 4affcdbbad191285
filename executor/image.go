// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"drydock/internal/failpoint"
	"drydock/internal/state"
	"drydock/sandbox"
)

// choose finds the sandbox for the task: its image decides, and nothing else,
// so that whoever adopts the task comes to the same one.
func (r *run) choose(ctx context.Context) error {
	switch {
	case r.opts.sandbox != nil:
		r.sandbox = r.opts.sandbox
	case r.task.Image == "":
		r.sandbox = r.x.config.Sandbox
	case r.x.config.Images == nil:
		return refuse(nil, "leave the image out, or run it where there is a container engine", "there is no sandbox for tasks with an image here")
	default:
		var err error
		if r.sandbox, err = r.x.config.Images(ctx); err != nil {
			return abortedOr(ctx, err)
		}
	}
	if r.sandbox == nil {
		return refuse(nil, "name an image, or run it where drydock may make cgroups", "there is no sandbox for tasks without an image here")
	}
	return nil
}

// pinnedImage is which image a task's first attempt got: those that follow run
// in the same, whatever its name means by then.
type pinnedImage struct {
	reference, platform string
	pull                sandbox.PullPolicy
}

// fetch has the sandbox get what the attempt needs, and tells how far it is.
// An error is an *abort when ctx ended.
func (r *run) fetch(ctx context.Context, spec sandbox.Spec) (sandbox.Spec, error) {
	preparer, ok := r.sandbox.(sandbox.Preparer)
	if !ok {
		return spec, nil
	}
	if pin := r.image; pin != nil {
		spec.Image, spec.Platform, spec.Pull = pin.reference, pin.platform, pin.pull
	}
	last := Pull{}
	ready, err := preparer.Prepare(ctx, spec, func(p sandbox.Progress) {
		last = Pull{Image: p.What, Done: p.Done, Total: p.Total}
		now := last
		r.emitter.emit(Event{Type: EventPull, Pull: &now})
	})
	if err != nil {
		return spec, abortedOr(ctx, err)
	}
	if last.Image != "" {
		last.Finished = true
		r.emitter.emit(Event{Type: EventPull, Pull: &last})
	}
	if spec.Accelerators != nil {
		if err := checkPlatform(ready.Image, ready.Platform); err != nil {
			return spec, err
		}
	}
	failpoint.At(failpoint.ImageReady)
	r.image = &pinnedImage{ready.Image, ready.Platform, ready.Pull}
	return ready, nil
}

// noImage makes the facts of an attempt whose image is not to be had, and
// writes them down, as no supervisor will; any other error stays one.
func (r *run) noImage(ctx context.Context, spec sandbox.Spec, err error) (sandbox.Outcome, error) {
	e, ok := errors.AsType[*sandbox.ImageError](err)
	if !ok {
		return sandbox.Outcome{}, err
	}
	o := sandbox.Outcome{
		Version:    sandbox.OutcomeVersion,
		Image:      &sandbox.Image{Reference: e.Image},
		StartError: &sandbox.StartError{Reason: e.Reason, Message: e.Message, Remedy: e.Remedy},
		EndedAt:    time.Now(),
		Memory:     sandbox.Memory{Limit: spec.Limits.Memory},
	}
	return o, state.WriteJSON(filepath.Join(spec.Dir, state.OutcomeFile), o)
}

// program is the word that a sentence about the task's start can name.
func (t Task) program() string {
	switch {
	case len(t.Entrypoint) > 0:
		return t.Entrypoint[0]
	case t.Image != "": // its ENTRYPOINT may come first
		return ""
	default:
		return t.Command[0]
	}
}
