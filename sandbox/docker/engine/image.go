// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"drydock/sandbox"
)

// Image is an image that the engine has.
type Image struct {
	Reference string // as it was asked for
	ID        string // "sha256:…"
	Digest    string // "name@sha256:…"; "": it never was in a registry
	Platform  string // os/arch[/variant]
	Size      int64  // bytes

	Entrypoint []string
	Cmd        []string
	User       string
	WorkingDir string
	EnvNames   []string // the names alone: values can be secrets
	StopSignal string
}

// Sandbox is the image as an outcome records it.
func (i Image) Sandbox() *sandbox.Image {
	return &sandbox.Image{Reference: i.Reference, ID: i.ID, Digest: i.Digest, Platform: i.Platform}
}

// Image looks an image up, in the engine alone. Without one, or without one
// for the platform, the error is an *Error of kind NoImage. A name that is none
// is an *sandbox.ImageError.
func (e *Engine) Image(ctx context.Context, name, platformName string) (Image, error) {
	complete, err := ParseReference(name)
	if err != nil {
		return Image{}, err
	}
	var options []client.ImageInspectOption
	if platformName != "" && versions.GreaterThanOrEqualTo(e.client.ClientVersion(), "1.49") {
		options = append(options, client.ImageInspectWithPlatform(platform(platformName)))
	}
	const call = "look up image"
	var seen image.InspectResponse
	err = e.call(ctx, call, e.limits.quick, func(ctx context.Context) (err error) {
		seen, err = e.client.ImageInspect(ctx, complete, options...)
		return err
	})
	if err != nil {
		if e := (*Error)(nil); errors.As(err, &e) && e.Kind == NotFound {
			e.Kind = NoImage // what else was there to be found
		}
		return Image{}, err
	}
	found := imageFrom(seen, name, complete)
	if !suits(found.Platform, platformName) {
		return Image{}, &Error{Call: call, Kind: NoImage, Message: "the image that is here is for " + found.Platform + ", not for " + platformName}
	}
	return found, nil
}

func imageFrom(seen image.InspectResponse, name, complete string) Image {
	found := Image{
		Reference: name, ID: seen.ID, Size: seen.Size,
		Digest:   digestOf(seen.RepoDigests, complete),
		Platform: strings.TrimRight(seen.Os+"/"+seen.Architecture+"/"+seen.Variant, "/"),
	}
	if !strings.HasPrefix(found.ID, "sha256:") { // Podman's way
		found.ID = "sha256:" + found.ID
	}
	if seen.Config == nil {
		return found
	}
	found.Entrypoint, found.Cmd = seen.Config.Entrypoint, seen.Config.Cmd
	found.User, found.WorkingDir, found.StopSignal = seen.Config.User, seen.Config.WorkingDir, seen.Config.StopSignal
	for _, variable := range seen.Config.Env {
		name, _, _ := strings.Cut(variable, "=")
		found.EnvNames = append(found.EnvNames, name)
	}
	return found
}

// digestOf chooses among the names that an image has in registries: the one
// that was asked for, else one of the same repository, else the first.
func digestOf(digests []string, complete string) string {
	if slices.Contains(digests, complete) {
		return complete
	}
	for _, digest := range digests {
		known, _, _ := strings.Cut(digest, "@")
		if known, err := ParseReference(known); err == nil && repository(known) == repository(complete) {
			return digest
		}
	}
	if len(digests) > 0 {
		return digests[0]
	}
	return ""
}

// Again is the name by which an image that is not here any more is to be had
// again: the very same one where its registry gave it a digest, else whatever
// its name means by now. digest is an Image's.
func Again(name, digest string) string {
	complete, err := ParseReference(name)
	exact, digestErr := ParseReference(digest) // fails for ""
	if err != nil || digestErr != nil || repository(exact) != repository(complete) {
		return name
	}
	return digest
}

// repository is a completed reference without its tag or digest.
func repository(complete string) string {
	name, _, _ := strings.Cut(complete, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name
}

// suits says whether an image's platform is the one that is wanted. Arm's 64
// bits have a variant, v8, that images and people leave out at will.
func suits(have, want string) bool {
	if want == "" {
		return true
	}
	h, w := platform(have), platform(want)
	if h.Architecture == "arm64" {
		h.Variant = ""
		w.Variant = strings.TrimPrefix(w.Variant, "v8")
	}
	return h.OS == w.OS && h.Architecture == w.Architecture && (w.Variant == "" || h.Variant == w.Variant)
}
