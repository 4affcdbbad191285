// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"

	"drydock/sandbox"
)

// Pull says which image is wanted and how.
type Pull struct {
	Reference string
	Platform  string // os/arch[/variant]; "": the engine's own
	Policy    sandbox.PullPolicy
	// Progress, if not nil, is called now and then while something is
	// transferred, by one goroutine at a time and never after Provide has
	// returned. It must not block.
	Progress func(sandbox.Progress)
}

// Provide returns an image, fetched if need be. It looks locally first, but
// with PullAlways. Those who want the same image at the same time share one
// transfer, within a process and, with Config.LockDir, between processes.
// Errors are an *sandbox.ImageError when the name, the registry or the user's
// credentials are to blame, an *Error when the engine is or ctx ended, and an
// *sandbox.UnsupportedError when LockDir cannot be used.
func (e *Engine) Provide(ctx context.Context, p Pull) (Image, error) {
	complete, err := ParseReference(p.Reference)
	if err != nil {
		return Image{}, err
	}
	if p.Policy != sandbox.PullAlways || imageID.MatchString(complete) {
		found, err := e.Image(ctx, p.Reference, p.Platform)
		if KindOf(err) != NoImage {
			return found, err
		}
		if err := unobtainable(p, complete, err); err != nil {
			return Image{}, err
		}
	}
	if p.Progress != nil {
		// With layers that are here, or a registry that lets wait, nothing
		// else may be told for long.
		p.Progress(sandbox.Progress{What: p.Reference})
	}
	key := share{reference: complete, platform: p.Platform, always: p.Policy == sandbox.PullAlways}
	found, err := e.pulls.do(ctx, key, p.Progress, func(ctx context.Context, progress func(sandbox.Progress)) (Image, error) {
		return e.pullLocked(ctx, key, progress)
	})
	found.Reference = p.Reference
	return found, imageFailure(p, complete, err)
}

// unobtainable says why an image that is not here will not be fetched; nil: it
// will. missing is the engine's word on it.
func unobtainable(p Pull, complete string, missing error) error {
	refuse := func(message, remedy string) error {
		return &sandbox.ImageError{Image: p.Reference, Reason: sandbox.StartImagePull, Message: message, Remedy: remedy}
	}
	e := (*Error)(nil)
	errors.As(missing, &e)
	switch {
	case imageID.MatchString(complete):
		return refuse("the engine has no image of this ID, and an ID cannot be pulled", "name the image by its registry's name")
	case p.Policy == sandbox.PullNever: // the kubelet's ErrImageNeverPull
		return refuse("it is not present with pull policy of never ("+e.Message+")", "`docker pull` it, or choose --pull missing")
	}
	return nil
}
