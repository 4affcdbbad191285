// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"drydock/sandbox"
)

// Image reads an image's reference as far as it must be: whether it is a valid
// one is the engine's to say. What can only be a slip is refused here.
func Image(s string) (string, error) {
	switch {
	case s == "":
		return "", fmt.Errorf("it is empty; accepted: an image's name, such as python:3.12")
	case strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\r\n\x00"):
		return "", fmt.Errorf("%q is no image's name; accepted: NAME[:TAG|@DIGEST], such as python:3.12", s)
	}
	return s, nil
}

// Pull reads when an image is fetched.
func Pull(s string) (sandbox.PullPolicy, error) {
	switch p := sandbox.PullPolicy(s); p {
	case sandbox.PullMissing, sandbox.PullAlways, sandbox.PullNever:
		return p, nil
	}
	return "", fmt.Errorf("%q is not known; accepted: missing, always, never", s)
}

// platformForm is os/arch[/variant], as the OCI image specification has it.
var platformForm = regexp.MustCompile(`^[a-z0-9_]+/[a-z0-9_]+(/[a-z0-9_.]+)?$`)

// Platform reads for which machine an image is taken.
func Platform(s string) (string, error) {
	if !platformForm.MatchString(s) {
		return "", fmt.Errorf("%q is no platform; accepted: OS/ARCH[/VARIANT], such as linux/amd64 or linux/arm64", s)
	}
	return s, nil
}

// Entrypoint reads the one word that docker run's --entrypoint takes.
func Entrypoint(s string) ([]string, error) {
	if strings.TrimSpace(s) == "" {
		return nil, fmt.Errorf("it is empty; accepted: a program, such as /bin/sh; its arguments follow --")
	}
	return []string{s}, nil
}

// HostGateway is the address of the machine itself in a line of /etc/hosts.
const HostGateway = "host-gateway"

var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)

// Host reads a line for /etc/hosts, NAME:ADDRESS.
func Host(s string) (string, error) {
	const forms = "accepted: NAME:ADDRESS, such as db:10.0.0.7, db:[fd00::7] or me:host-gateway for this machine"
	name, address, ok := strings.Cut(s, ":")
	if !ok || !hostForm.MatchString(name) {
		return "", fmt.Errorf("%q is no host; %s", s, forms)
	}
	if address == HostGateway {
		return s, nil
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
	if err != nil || ip.Zone() != "" {
		return "", fmt.Errorf("%q: %q is no address; %s", s, address, forms)
	}
	return name + ":" + ip.String(), nil
}
