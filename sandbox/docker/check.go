// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"drydock/sandbox"
	"drydock/sandbox/devices"
)

// check refuses a spec that cannot be run as it stands. Errors are
// *sandbox.SpecError; the image's name is the engine's to judge.
func (s *Sandbox) check(spec sandbox.Spec) error {
	networks := []sandbox.Network{"", sandbox.NetworkBridge, sandbox.NetworkHost, sandbox.NetworkNone}
	switch {
	case spec.ID == "" || spec.Attempt < 1 || !filepath.IsAbs(spec.Dir):
		return &sandbox.SpecError{Field: "attempt", Reason: "needs an id, a number from 1 and an absolute directory"}
	case spec.Image == "":
		return &sandbox.SpecError{Field: "image", Reason: "the docker sandbox runs images only", Remedy: "name one, or choose the native sandbox"}
	case !slices.Contains(networks, spec.Network):
		return &sandbox.SpecError{Field: "network", Reason: fmt.Sprintf("%q is not known to the docker sandbox", spec.Network), Remedy: "use bridge, host or none"}
	case spec.WorkDir != "" && !filepath.IsAbs(spec.WorkDir):
		return &sandbox.SpecError{Field: "working directory", Reason: fmt.Sprintf("%s is not absolute", spec.WorkDir), Remedy: "give the whole path inside the image"}
	case !allText(spec.Args, spec.Entrypoint, spec.Env, []string{spec.WorkDir, spec.User}):
		return &sandbox.SpecError{Field: "command", Reason: "an engine takes arguments, environment and paths in UTF-8 only", Remedy: "hand other bytes over in a file"}
	}
	for _, m := range spec.Mounts {
		if err := s.checkMount(m); err != nil {
			return err
		}
	}
	if _, err := planDisk(s.engine.Info(), spec); err != nil {
		return err
	}
	return devices.CheckMounts(spec)
}

// checkMount refuses a mount that the engine would refuse, in clearer words.
func (s *Sandbox) checkMount(m sandbox.Mount) error {
	refuse := func(reason, remedy string) error {
		return &sandbox.SpecError{Field: "mount", Reason: reason, Remedy: remedy}
	}
	switch {
	case !filepath.IsAbs(m.Source) || !filepath.IsAbs(m.Target) || filepath.Clean(m.Target) == "/":
		return refuse(fmt.Sprintf("%s:%s: both paths must be absolute, and the target not the root", m.Source, m.Target), "give whole paths")
	case !allText([]string{m.Source, m.Target}):
		return refuse(fmt.Sprintf("%q: its name is not UTF-8", m.Source), "rename the directory")
	}
	// Of another machine nothing is known here.
	if _, err := os.Stat(m.Source); err != nil && s.engine.Info().Local {
		return refuse(fmt.Sprintf("%s cannot be bound: %v", m.Source, err), "make it, or name another")
	}
	return nil
}

// allText reports whether every word survives JSON.
func allText(lists ...[]string) bool {
	for _, words := range lists {
		if slices.ContainsFunc(words, func(w string) bool { return !utf8.ValidString(w) }) {
			return false
		}
	}
	return true
}
