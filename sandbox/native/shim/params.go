// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// coverParams shows a copy of NVIDIA's module parameters at target, the file's
// place in the container's own /proc: one that forbids to make device nodes.
// It runs in the container's mount namespace before its root is changed.
func coverParams(source, copied, target string) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	if err := os.WriteFile(copied, []byte(forbidNodes(string(content))), 0o444); err != nil {
		return err
	}
	if err := unix.Mount(copied, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cover %s: %w", target, err)
	}
	return os.NewSyscallError("mount", unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
}

// forbidNodes sets the one parameter that NVIDIA's libraries ask for before
// they make nodes (nvidia-modprobe-utils.c: absent, it counts as 1).
func forbidNodes(params string) string {
	const name = "ModifyDeviceFiles:"
	var b strings.Builder
	for line := range strings.Lines(params) {
		if !strings.HasPrefix(line, name) {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String() + name + " 0\n"
}
