// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"strings"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
)

// Prepare implements sandbox.Preparer: it gets the image, and the spec that it
// returns names it by its id. It names its platform, too, where that is not the
// engine's own, though nobody asked for one: its programs run emulated there,
// and no accelerator's driver is for them.
func (s *Sandbox) Prepare(ctx context.Context, spec sandbox.Spec, progress func(sandbox.Progress)) (sandbox.Spec, error) {
	image, err := s.provide(ctx, spec, progress)
	if err != nil {
		return spec, err
	}
	spec.Image, spec.Pull = image.ID, sandbox.PullMissing
	if spec.Platform == "" && foreign(image.Platform, s.engine.Info()) {
		spec.Platform = image.Platform
	}
	return spec, nil
}

// foreign says whether an image is for other processors than the engine's.
func foreign(platform string, info engine.Info) bool {
	words := strings.Split(platform, "/")
	return len(words) > 1 && words[1] != "" && info.Arch != "" && words[1] != info.Arch
}

// provide gets a spec's image. One that Prepare has got, and that was removed
// since, is fetched again.
func (s *Sandbox) provide(ctx context.Context, spec sandbox.Spec, progress func(sandbox.Progress)) (engine.Image, error) {
	name, known := spec.Image, s.known(spec.Image)
	if known.ID != "" && time.Since(known.at) < freshImage {
		return known.Image, nil
	}
	if known.ID != "" {
		_, err := s.engine.Image(ctx, known.ID, spec.Platform)
		if err == nil {
			return known.Image, nil
		}
		if engine.KindOf(err) != engine.NoImage {
			return engine.Image{}, err
		}
		name = engine.Again(known.Reference, known.Digest)
	}
	image, err := s.engine.Provide(ctx, engine.Pull{Reference: name, Platform: spec.Platform, Policy: spec.Pull, Progress: progress})
	if err != nil {
		return engine.Image{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known.ID != "" {
		image.Reference = known.Reference // as it was asked for
		s.images[known.ID] = seenImage{image, time.Now()}
	}
	s.images[image.ID] = seenImage{image, time.Now()}
	return image, nil
}

// seenImage is an image that the engine had at a time.
type seenImage struct {
	engine.Image
	at time.Time
}

// freshImage is how long an image is taken to be there without asking again. The
// supervisor gets one that is gone once more in any case (keeper.create).
const freshImage = time.Second

// known is an image that Prepare returned the id of.
func (s *Sandbox) known(id string) seenImage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.images[id]
}
