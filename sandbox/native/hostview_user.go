// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// In a user namespace the kernel overlays no directory that has mounts below
// it: it could show what they cover. The root file system is such a directory.
// An ordinary user's attempt therefore gets a bare one of its own, in which
// every directory of the host's that has none below gets a layer to itself,
// and those between are made anew.

// manyEntries is where a directory with mounts below is not divided any more
// but shown read-only: each of its entries would be a mount.
const manyEntries = 200

// divideRoot plans the bare root file system below dir and returns the mounts
// that are to be seen in it, parents first. mountinfo is the host's.
func (v *hostView) divideRoot(dir, mountinfo string, mounts []hostMount) []hostMount {
	v.rootfs.Bare, v.rootfs.Lower = true, ""
	d := division{points: mountPoints(mountinfo), mounts: mounts}
	d.divide(dir)
	v.rootfs.Dirs, v.rootfs.Links = d.dirs, d.links
	slices.SortStableFunc(d.mounts, func(a, b hostMount) int { return strings.Compare(a.point, b.point) })
	return d.mounts
}

// division is the root file system taken apart.
type division struct {
	points []string // everything that is mounted anywhere
	mounts []hostMount
	dirs   []shimapi.Dir
	links  []shimapi.Link
}

// divide goes through the entries of a directory with mounts below.
func (d *division) divide(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // not ours to see
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil || slices.Contains(unseen, path) || strings.ContainsAny(path, overlaySeparators) {
			continue
		}
		switch {
		case info.Mode()&os.ModeSymlink != 0:
			if target, err := os.Readlink(path); err == nil {
				d.links = append(d.links, shimapi.Link{Path: path, Target: target})
			}
		case info.IsDir():
			d.directory(path, info)
		case info.Mode().IsRegular() && unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil:
			d.mounts = append(d.mounts, hostMount{point: path, file: true})
		}
	}
}

// directory decides how a directory is shown.
func (d *division) directory(path string, info os.FileInfo) {
	mode := uint32(info.Mode().Perm())
	if info.Mode()&os.ModeSticky != 0 {
		mode |= unix.S_ISVTX
	}
	i := slices.IndexFunc(d.mounts, func(m hostMount) bool { return m.point == path })
	divided := slices.ContainsFunc(d.points, func(p string) bool { return p != path && within(p, path) })
	switch {
	case i >= 0 && !divided:
		// A file system of its own, which has its mount.
	case i >= 0 && !slices.Contains(layerable, d.mounts[i].fstype), i < 0 && divided && crowded(path):
		d.mounts = slices.DeleteFunc(d.mounts, func(m hostMount) bool { return within(m.point, path) }) // they come along
		d.mounts = append(d.mounts, hostMount{point: path, fstype: recursive})
	case i < 0 && slices.Contains(d.points, path), unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.X_OK, unix.AT_EACCESS) != nil:
		// The kernel's own file systems, and what the user may not look into.
		d.dirs = append(d.dirs, shimapi.Dir{Path: path, Mode: 0o755})
	case divided:
		d.mounts = slices.DeleteFunc(d.mounts, func(m hostMount) bool { return m.point == path })
		d.dirs = append(d.dirs, shimapi.Dir{Path: path, Mode: mode})
		d.divide(path)
	default:
		d.mounts = append(d.mounts, hostMount{point: path, fstype: plain, mode: mode})
	}
}

// What stands for a file system's name where it is a part of another's.
const (
	plain     = "ext4"      // it gets a layer
	recursive = "recursive" // it does not, nor does what lies below
)

func crowded(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return len(entries) > manyEntries
}

// mountPoints lists every mount point of mountinfo.
func mountPoints(mountinfo string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		if fields := strings.Fields(line); len(fields) > 4 {
			points = append(points, unescapeMount(fields[4]))
		}
	}
	return points
}

// shownReadOnly are the options of a bind mount of the host's that no layer
// can lie over. A user namespace cannot leave out what is mounted below.
func (v *hostView) shownReadOnly() []string {
	if v.rootfs.UserNamespace {
		return []string{"rbind", "rprivate", "rro", "nosuid", v.noDevices()}
	}
	return []string{"bind", "ro", "nosuid", "nodev"}
}

// noDevices keeps a mount of the host's from showing devices that can be opened.
// In a user namespace no device filter does so for what is mounted below.
func (v *hostView) noDevices() string {
	if v.rootfs.UserNamespace {
		return "rnodev"
	}
	return "nodev"
}

// layerOptions are what a layer's overlay needs in a user namespace: its notes
// in user.* attributes, and "volatile", since it is thrown away.
func (v *hostView) layerOptions(spec sandbox.Spec) []string {
	if !v.rootfs.UserNamespace {
		return nil
	}
	options := []string{"userxattr", "volatile"}
	if spec.ReadOnly { // the layers are the root file system
		options = append(options, "ro")
	}
	return options
}

// makeUserRoom sees to it that the runtime can make a mount's target: the
// host's directories belong to root, who is nobody in the user namespace; only
// the top of each layer and what the user owns can be added to.
func (v *hostView) makeUserRoom(target string) error {
	if !v.rootfs.Bare || mountOver(v.binds, target) != nil {
		return nil
	}
	for dir := target; dir != "/"; dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if unix.Lstat(dir, &st) != nil {
			continue
		}
		top := slices.ContainsFunc(v.mounts, func(m specs.Mount) bool { return m.Destination == dir })
		made := slices.ContainsFunc(v.rootfs.Dirs, func(d shimapi.Dir) bool { return d.Path == dir })
		if dir == target || top || made || st.Uid == uint32(os.Geteuid()) || within(dir, "/tmp") || within(dir, "/run") || within(dir, "/dev") {
			return nil
		}
		return &sandbox.SpecError{Field: "mount", Reason: fmt.Sprintf("the target %s does not exist, and it cannot be made: %s is not yours", target, dir),
			Remedy: "choose a target below /tmp or /mnt, make the directory on the host, or run drydock as root"}
	}
	return nil
}
