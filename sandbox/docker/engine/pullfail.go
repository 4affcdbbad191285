// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"strings"

	"drydock/sandbox"
)

// pullWords tell by the registry's and the engine's words what is to be done
// about a pull that failed; the first entry of which one word occurs counts.
// %s is the registry's host, as docker login takes it.
var pullWords = []struct {
	words  []string
	remedy string
}{
	{[]string{"no space left on device", "disk quota exceeded"},
		"free disk space where the engine keeps its images (`docker system df`, `docker image prune`)"},
	{[]string{"toomanyrequests", "too many requests", "rate limit"},
		"wait, or `docker login %s`: the registry gives less to those it does not know"},
	{[]string{"permission denied", "read-only file system"},
		"the engine may not write where it keeps its images: see its log"},
	{[]string{"no matching manifest", "no image found in manifest list", "does not match the specified platform", "image operating system", "cannot be used on this platform"},
		"choose another --platform, or an image that is built for this one"},
	// Before "not found": registries hide private images behind that.
	{[]string{"unauthorized", "no basic auth credentials", "authentication required", "access denied", "access to the resource is denied", "denied", "forbidden", "incorrect username or password"},
		"check the name, and if the image is private `docker login %s`"},
	{[]string{"server gave http response to https client", "https client"},
		"the registry speaks plain HTTP: add %s to insecure-registries of the engine's configuration (/etc/docker/daemon.json)"},
	{[]string{"x509:", "tls:", "certificate"},
		"have the engine trust the registry: put its CA in /etc/docker/certs.d/%s/ca.crt"},
	{[]string{"no such host", "server misbehaving", "temporary failure in name resolution"},
		"check the registry's name (%s) and the engine's DNS"},
	{[]string{"connection refused", "no route to host", "network is unreachable", "i/o timeout", "client.timeout exceeded", "tls handshake timeout", "connection reset", "request canceled while waiting"},
		"check that the engine can reach %s (network, proxy), or use an image that is here with --pull never"},
	{[]string{"manifest unknown", "manifest_unknown", "name unknown", "name_unknown", "not found", "does not exist"},
		"check the image's name and tag"},
	{[]string{"unexpected eof", "filesystem layer verification failed", "failed to register layer", "unexpected commit digest", "digest did not match", "short read"},
		"try again: what %s sent was broken off or damaged"},
}

// imageFailure makes an *sandbox.ImageError of a pull that the registry, or
// what it sent, is to blame for. An engine that is gone or slow and a context
// that ended stay what they are.
func imageFailure(p Pull, complete string, err error) error {
	if known := (*sandbox.ImageError)(nil); errors.As(err, &known) {
		named := *known // several may share it
		named.Image = p.Reference
		return &named
	}
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case Gone, Cancelled, Slow:
		return err
	}
	return &sandbox.ImageError{
		Image:   p.Reference,
		Reason:  sandbox.StartImagePull,
		Message: e.Message,
		Remedy:  pullRemedy(e.Message, registryOf(complete)),
	}
}

func pullRemedy(message, registry string) string {
	message = strings.ToLower(message)
	for _, entry := range pullWords {
		for _, word := range entry.words {
			if !strings.Contains(message, word) {
				continue
			}
			if strings.Contains(entry.remedy, "%s") {
				return fmt.Sprintf(entry.remedy, registry)
			}
			return entry.remedy
		}
	}
	return "see whether `docker pull` gets it"
}
