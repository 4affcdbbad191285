// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"os"

	"drydock/sandbox"
	"drydock/sandbox/disk"
	"drydock/sandbox/docker/engine"
)

// diskLimit says how a limit on the disk is held: where the container's
// writable layer is a directory that this process can walk.
func diskLimit(info engine.Info) sandbox.Enforcement {
	why := ""
	switch {
	case !info.Local:
		why = "the container's writable layer lies on the engine's machine, where drydock cannot measure it"
	case info.StorageDriver != "overlay2" && info.StorageDriver != "overlayfs" && info.StorageDriver != "overlay":
		why = "the engine keeps writable layers by " + info.StorageDriver + ", which drydock cannot measure; overlay2 it can"
	case os.Geteuid() != 0:
		why = "the files of a container's writable layer are not all yours to see; as root drydock measures them"
	default:
		return disk.Polled()
	}
	return sandbox.Enforcement{Limit: "disk", State: sandbox.NotEnforced, Why: why + ": the task may write as much as the engine's file system holds"}
}

// layer is the container's writable layer. It is found by the main process,
// in whatever way the engine stores it, and stays after its end until the
// container is removed. One goroutine at a time uses it.
type layer struct {
	dir  string
	held bool // to the limit, by the engine
}

func (l *layer) places(b *box) disk.Places {
	var p disk.Places
	pid := b.PID()
	if pid > 0 {
		p.PIDs = []int{pid}
	}
	if b.group != nil {
		p.PIDs = b.group.Procs()
	}
	if l.dir == "" {
		l.dir, p.Missing = disk.RootLayer(pid)
	}
	if l.dir != "" {
		p.Places = []disk.Place{{Kind: disk.Layer, Path: l.dir, Inside: "/", Held: l.held}}
	}
	return p
}
