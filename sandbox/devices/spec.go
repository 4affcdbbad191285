// SPDX-License-Identifier: Apache-2.0

package devices

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"drydock/sandbox"
)

// CheckMounts refuses mounts that would show an attempt with accelerators the
// nodes of others. Errors are *sandbox.SpecError.
func CheckMounts(spec sandbox.Spec) error {
	if spec.Accelerators == nil {
		return nil
	}
	for _, m := range spec.Mounts {
		if showsDevices(m.Source) {
			return &sandbox.SpecError{
				Field:  "mount",
				Reason: fmt.Sprintf("%s:%s would show a task that holds accelerators the device nodes of others", m.Source, m.Target),
				Remedy: "bind a directory outside of /dev, or run the task without accelerators",
			}
		}
	}
	return nil
}

// showsDevices says whether a path holds device nodes of the machine's own.
// /dev/shm, which people do bind, holds files.
func showsDevices(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	path = filepath.Clean(path) + "/"
	return path == "//" || strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/dev/shm/")
}

// Environment puts the devices' own variables in the place of values of the
// same names: C programs see the first of two, others the last.
func Environment(env, own []string) []string {
	return append(Without(env, names(own)...), own...)
}

// Without leaves out the variables of these names.
func Without(env []string, names ...string) []string {
	kept := make([]string, 0, len(env))
	for _, entry := range env {
		if !slices.Contains(names, name(entry)) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func names(env []string) []string {
	list := make([]string, len(env))
	for i, entry := range env {
		list[i] = name(entry)
	}
	return list
}

func name(entry string) string {
	name, _, _ := strings.Cut(entry, "=")
	return name
}
