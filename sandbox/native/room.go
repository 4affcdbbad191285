// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
)

// makeRoom sees to it that the runtime can make a mount's target. With a
// private layer it can anywhere. A read-only root file system has room below
// what is empty and writable in every sandbox, and where the host has mounted
// something that the sandbox does not show; elsewhere the target must exist.
func (v *hostView) makeRoom(target string) error {
	if !v.rootfs.ReadOnly {
		return v.makeUserRoom(target)
	}
	for _, dir := range append([]string{"/run", "/dev"}, v.rootfs.Empty...) {
		if within(target, dir) {
			return nil
		}
	}
	if mountOver(v.binds, target) != nil {
		return nil // the runtime says so if it cannot be made there
	}
	for _, point := range v.unshown {
		if within(target, point) {
			if !slices.ContainsFunc(v.mounts, func(m specs.Mount) bool { return m.Destination == point }) {
				v.mounts = append(v.mounts, emptyMount(point))
			}
			return nil
		}
	}
	if _, err := os.Lstat(target); err == nil {
		return nil
	}
	return &sandbox.SpecError{Field: "mount", Reason: fmt.Sprintf("the target %s does not exist, and it cannot be made: the root file system is read-only here", target),
		Remedy: "choose a target below /tmp, make the directory on the host, or put --state-dir on ext4 or xfs"}
}

// emptyMount is an empty, read-only file system. What is mounted below it gets
// its place before it becomes read-only.
func emptyMount(dir string) specs.Mount {
	return specs.Mount{Destination: dir, Type: "tmpfs", Source: "tmpfs",
		Options: []string{"ro", "nosuid", "nodev", "noexec", "mode=755", "size=64k"}}
}

// unshownPoints are the host's mount points, outer ones first, that are none
// of the shown: a sandbox sees the bare directory there.
func unshownPoints(mountinfo string, shown []specs.Mount) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescapeMount(fields[4])
		own := point == "/" || slices.ContainsFunc(unseen, func(dir string) bool { return within(point, dir) })
		if !own && !slices.ContainsFunc(shown, func(m specs.Mount) bool { return m.Destination == point }) {
			points = append(points, point)
		}
	}
	slices.Sort(points)
	return slices.Compact(points)
}
