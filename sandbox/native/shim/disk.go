// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/disk"
	"drydock/sandbox/native/shimapi"
)

// diskPlaces are the private layers, each with the name that the program
// knows it by.
func diskPlaces(config *shimapi.Config, group *cgroup.Group) disk.Places {
	r := config.Drydock.Rootfs
	p := disk.Places{PIDs: group.Procs()}
	if r.ReadOnly {
		return p
	}
	p.Places = append(p.Places, disk.Place{Kind: disk.Layer, Path: r.Upper, Inside: "/"})
	for _, l := range r.Layers {
		for _, m := range config.OCI.Mounts {
			if slices.Contains(m.Options, "upperdir="+l.Upper) {
				p.Places = append(p.Places, disk.Place{Kind: disk.Layer, Path: l.Upper, Inside: m.Destination})
			}
		}
	}
	return p
}
