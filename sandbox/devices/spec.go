// SPDX-License-Identifier: Apache-2.0

package devices

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"drydock/sandbox"
)

// requests is where NVIDIA's container runtime may be told to read which
// devices a container wants, by what is mounted there (nvidia-container-toolkit
// internal/config/image, deviceListAsVolumeMountsRoot), above what a variable
// says.
const requests = "/run/nvidia-container-devices"

// CheckMounts refuses mounts that would give an attempt devices that it does
// not hold, or show one with accelerators the nodes of others. Errors are
// *sandbox.SpecError.
func CheckMounts(spec sandbox.Spec) error {
	for _, m := range spec.Mounts {
		target := strings.TrimPrefix(filepath.Clean(m.Target), "/var") + "/"
		switch {
		case strings.HasPrefix(target, requests+"/"):
			return &sandbox.SpecError{
				Field:  "mount",
				Reason: fmt.Sprintf("%s asks NVIDIA's container runtime for devices behind drydock's back", m.Target),
				Remedy: "leave it out, and ask for GPUs with --gpu",
			}
		case spec.Accelerators != nil && showsDevices(m.Source):
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
