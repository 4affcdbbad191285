// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise"
)

// mountRootfs mounts the private writable layer over the lower file system.
// It happens in the shim's own mount namespace: the host never sees it, and
// the kernel takes it down should the shim be killed.
func mountRootfs(target string, r shimapi.Rootfs) (supervise.Undo, error) {
	if r.ReadOnly {
		return bindRootfs(target, r)
	}
	if r.Bare {
		return bareRootfs(target, r)
	}
	for _, l := range append([]shimapi.Layer{{Upper: r.Upper, Work: r.Work}}, r.Layers...) {
		if err := makeLayer(l); err != nil {
			return nil, err
		}
	}
	for _, dir := range r.Empty {
		if err := hideBelow(r.Upper, dir); err != nil {
			return nil, fmt.Errorf("make %s empty: %w", dir, err)
		}
	}
	for _, dir := range r.Open {
		if err := makeOpen(filepath.Join(r.Upper, dir)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return nil, err
	}
	if err := mountOverlay(target, r); err != nil {
		return nil, err
	}
	return func() error { return unix.Unmount(target, unix.MNT_DETACH) }, nil
}

// bindRootfs shows the lower file system as it is, read-only.
func bindRootfs(target string, r shimapi.Rootfs) (supervise.Undo, error) {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return nil, err
	}
	bind := uintptr(unix.MS_BIND)
	if r.UserNamespace {
		bind |= unix.MS_REC // what lies below must not be uncovered here
	}
	if err := unix.Mount(r.Lower, target, "", bind, ""); err != nil {
		return nil, fmt.Errorf("bind %s: %w", r.Lower, err)
	}
	detach := func() error { return unix.Unmount(target, unix.MNT_DETACH) }
	if err := makeReadOnly(target, r); err != nil {
		return detach, fmt.Errorf("make %s read-only: %w", r.Lower, err)
	}
	for _, dir := range r.Empty {
		if err := unix.Mount("tmpfs", filepath.Join(target, dir), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
			return detach, fmt.Errorf("make %s empty: %w", dir, err)
		}
	}
	return detach, nil
}

// makeReadOnly makes the mount read-only; in a user namespace with all that is
// mounted below it.
func makeReadOnly(target string, r shimapi.Rootfs) error {
	if !r.UserNamespace {
		return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	readOnly := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	return unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, readOnly) // Linux 5.12
}

// bareRootfs makes the root file system of a directory of our own. The layers
// are made for the runtime, which mounts them.
func bareRootfs(target string, r shimapi.Rootfs) (supervise.Undo, error) {
	for _, l := range append([]shimapi.Layer{{Upper: r.Upper, Work: r.Work}}, r.Layers...) {
		if err := makeLayer(l); err != nil {
			return nil, err
		}
	}
	for _, d := range r.Dirs {
		if err := makeDir(filepath.Join(r.Upper, d.Path), os.FileMode(d.Mode&0o777)); err != nil {
			return nil, err
		}
	}
	for _, l := range r.Links {
		if err := os.Symlink(l.Target, filepath.Join(r.Upper, l.Path)); err != nil {
			return nil, err
		}
	}
	for _, dir := range r.Empty {
		if err := makeDir(filepath.Join(r.Upper, dir), 0o777|os.ModeSticky); err != nil {
			return nil, err
		}
	}
	for _, dir := range r.Open {
		if err := makeOpen(filepath.Join(r.Upper, dir)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount(r.Upper, target, "", unix.MS_BIND|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return nil, fmt.Errorf("bind the private layer: %w", err)
	}
	return func() error { return unix.Unmount(target, unix.MNT_DETACH) }, nil
}

// makeDir makes a directory with this mode, whatever the umask.
func makeDir(dir string, mode os.FileMode) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

func makeLayer(l shimapi.Layer) error {
	// Mode 755, owned by root, as / itself is: the top of the layer is what
	// the program sees as the top of the file system.
	mode := os.FileMode(0o755)
	if l.Mode != 0 {
		mode = os.FileMode(l.Mode & 0o777)
		if l.Mode&unix.S_ISVTX != 0 {
			mode |= os.ModeSticky
		}
	}
	return errors.Join(makeDir(l.Upper, mode), makeDir(l.Work, 0o755))
}

// mountOverlay tries "volatile" first (Linux 5.10): the layer is thrown away
// after the attempt, so flushing it to disk would only cost time.
func mountOverlay(target string, r shimapi.Rootfs) error {
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", escapeOverlay(r.Lower), escapeOverlay(r.Upper), escapeOverlay(r.Work))
	err := unix.Mount("overlay", target, "overlay", 0, options+",volatile")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("overlay", target, "overlay", 0, options)
	}
	if err != nil {
		return fmt.Errorf("mount the private layer over %s: %w", r.Lower, err)
	}
	return nil
}

// escapeOverlay protects the separators of overlay's option string.
func escapeOverlay(path string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`).Replace(path)
}

// hideBelow makes dir appear empty: an opaque directory in the upper layer
// stands before the lower one. Its parents keep the lower ones' owner and mode.
func hideBelow(upper, dir string) error {
	lower, made := "/", upper
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		lower, made = filepath.Join(lower, part), filepath.Join(made, part)
		var st unix.Stat_t
		if err := unix.Lstat(lower, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			st = unix.Stat_t{Mode: 0o755}
		}
		if err := os.Mkdir(made, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if err := os.Chown(made, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
		if err := unix.Chmod(made, st.Mode&0o7777); err != nil {
			return err
		}
	}
	return unix.Setxattr(made, "trusted.overlay.opaque", []byte("y"), 0)
}

// makeOpen makes a directory that everybody may write in, whatever the umask.
func makeOpen(dir string) error { return makeDir(dir, 0o777) }

// mountShm mounts the attempt's /dev/shm on our side, so that it can be
// measured after the end. Mode and options follow the kubelet's memory-backed
// emptyDir, with nosuid and nodev on top.
func mountShm(dir string, size int64) (supervise.Undo, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	options := fmt.Sprintf("mode=1777,size=%d", size)
	if err := unix.Mount("shm", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return nil, fmt.Errorf("mount /dev/shm: %w", err)
	}
	return func() error { return unix.Unmount(dir, unix.MNT_DETACH) }, nil
}
