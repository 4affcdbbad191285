// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Started by an ordinary user, the shim lives in a user namespace of its own
// (userns.c): it is root there, which gives it mounts, network namespaces and
// the user's subordinate ids, and nothing that the user has not. The container
// shares this namespace; what sets it apart are its other namespaces, its few
// capabilities and its seccomp filter.

// remove removes directories with all below them: what belongs to the user's
// subordinate ids can only be removed by the user namespace's root.
func remove(paths []string) {
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.RemoveAll(path))
	}
	exit(errors.Join(errs...))
}

// probe tries what every attempt needs of the user namespace: a mount.
func probe(dir string) {
	exit(os.NewSyscallError("mount", unix.Mount("probe", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=64k")))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
