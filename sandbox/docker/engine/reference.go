// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"regexp"

	"github.com/distribution/reference"

	"drydock/sandbox"
)

// imageID is how an engine names an image by its configuration. It is no
// registry's name: such an image is here or nowhere.
var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ParseReference completes an image's name as docker and Kubernetes do:
// "python" becomes "docker.io/library/python:latest". The ID of an image
// (sha256:…) stays as it is. The error is an *sandbox.ImageError in the words
// of the kubelet's InvalidImageName (pkg/kubelet/images/image_manager.go).
func ParseReference(name string) (string, error) {
	if imageID.MatchString(name) {
		return name, nil
	}
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return "", &sandbox.ImageError{
			Image:   name,
			Reason:  sandbox.StartImageName,
			Message: fmt.Sprintf("couldn't parse image name %q: %v", name, err),
			Remedy:  "write it as [registry[:port]/]name[:tag] or name@sha256:…, in small letters",
		}
	}
	return named.String(), nil
}

// registryOf is the host that a completed reference is fetched from.
func registryOf(complete string) string {
	named, err := reference.ParseNormalizedNamed(complete)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
