// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/disk"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise"
	"drydock/sandbox/supervise/wire"
)

// holdDisk puts the private layers where a write beyond the limit on the disk
// fails, and the task's own directory with them. Like the layers it happens in
// the shim's own mount namespace and goes with the shim.
func holdDisk(a *supervise.Attempt, section *shimapi.Section) (supervise.Undo, error) {
	if section.Disk == "" {
		return nil, nil
	}
	h, release, err := a.Hold(section.Disk, filepath.Join(section.Dir, shimapi.LayersDir))
	if err != nil {
		return nil, err
	}
	undo, err := holdWork(a, h.Data())
	return func() error { return errors.Join(undo(), release()) }, err
}

// holdWork mounts a directory of data's over the task's own, if it has one.
func holdWork(a *supervise.Attempt, data string) (supervise.Undo, error) {
	nothing := func() error { return nil }
	work, held := filepath.Join(a.Config.Dir, wire.WorkDir), filepath.Join(data, wire.WorkDir)
	if _, err := os.Lstat(work); errors.Is(err, fs.ErrNotExist) {
		return nothing, nil
	}
	if err := makeOpen(held); err != nil {
		return nothing, err
	}
	if err := unix.Mount(held, work, "", unix.MS_BIND, ""); err != nil {
		return nothing, fmt.Errorf("bind %s: %w", held, err)
	}
	a.HeldWork = work
	return func() error { return unix.Unmount(work, unix.MNT_DETACH) }, nil
}

// diskPlaces are the private layers, each with the name that the program
// knows it by.
func diskPlaces(config *shimapi.Config, group *cgroup.Group) disk.Places {
	r, held := config.Drydock.Rootfs, config.Drydock.Disk != ""
	p := disk.Places{PIDs: group.Procs()}
	if r.ReadOnly {
		return p
	}
	p.Places = append(p.Places, disk.Place{Kind: disk.Layer, Path: r.Upper, Inside: "/", Held: held})
	for _, l := range r.Layers {
		for _, m := range config.OCI.Mounts {
			if slices.Contains(m.Options, "upperdir="+l.Upper) {
				p.Places = append(p.Places, disk.Place{Kind: disk.Layer, Path: l.Upper, Inside: m.Destination, Held: held})
			}
		}
	}
	return p
}
