// SPDX-License-Identifier: Apache-2.0

package hard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	loopControl = "/dev/loop-control"
	blockSize   = 4096
	// inodeRatio is one inode for each block: a task of many small files runs
	// out of room before it runs out of inodes. Unused ones take nothing.
	inodeRatio = 4096
	inodeSize  = 256
)

// holdByLoop mounts a file system of size bytes on top. The image has no name
// from the first moment on and its device goes with the last mount, so that
// nothing of them stays whoever is killed.
func holdByLoop(top string, size int64) (undo func() error, err error) {
	image, err := makeImage(filepath.Dir(top), imageSize(size))
	if err != nil {
		return nil, err
	}
	defer image.Close()
	device, err := attach(image)
	if err != nil {
		return nil, fmt.Errorf("attach a loop device: %w", err)
	}
	defer device.Close() // the mount holds it from now on
	// Nothing of it outlives the attempt: nothing need reach the disk in order.
	const options = "barrier=0,noinit_itable,discard"
	if err := unix.Mount(device.Name(), top, "ext4", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOATIME, options); err != nil {
		return nil, fmt.Errorf("mount %s: %w", device.Name(), err)
	}
	undo = func() error { return unix.Unmount(top, unix.MNT_DETACH) }
	if err := leave(top, size); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

// imageSize is how large an image must be for size bytes of files: with its
// inodes, bitmaps and descriptors, and with what ext4 keeps back (2 %, and
// 4096 blocks at most; fs/ext4/super.c, ext4_calculate_resv_clusters).
func imageSize(size int64) int64 {
	kept := min(size/40, 4096*blockSize)
	n := size + kept + size/200 + 4<<20
	n += n / (inodeRatio - inodeSize) * inodeSize
	return (n + blockSize - 1) / blockSize * blockSize
}

// imageName is what the image is called until it is open.
const imageName = "disk.img"

// makeImage makes a formatted image in dir, and takes its name away at once.
func makeImage(dir string, size int64) (*os.File, error) {
	name := filepath.Join(dir, imageName)
	image, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = os.Remove(name)
	if err == nil {
		err = image.Truncate(size)
	}
	if err == nil {
		err = format(image)
	}
	if err != nil {
		image.Close()
		return nil, err
	}
	return image, nil
}

// format makes the file system without what a thrown-away one has no use for:
// no journal, nothing kept for root, nothing zeroed beforehand.
func format(image *os.File) error {
	mkfs, err := findMkfs()
	if err != nil {
		return err
	}
	cmd := exec.Command(mkfs, "-q", "-F", "-b", strconv.Itoa(blockSize), "-I", strconv.Itoa(inodeSize), "-i", strconv.Itoa(inodeRatio), "-m", "0",
		"-O", "^has_journal,^resize_inode,^metadata_csum,uninit_bg", "-E", "lazy_itable_init=1,nodiscard", "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{image}
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", mkfs, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// attachTries is how often somebody else may take the device that was free.
const attachTries = 64

// attach gives the image a loop device that goes when nobody uses it. It
// reads and writes past the page cache, which the file system in the image
// has already.
func attach(image *os.File) (*os.File, error) {
	control, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	config := unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO}}
	copy(config.Info.File_name[:], "drydock")
	for range attachTries {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		device, err := os.OpenFile("/dev/loop"+strconv.Itoa(n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config) // Linux 5.8
		runtime.KeepAlive(image)
		if err == nil {
			return device, nil
		}
		device.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("others took %d free devices first", attachTries)
}

// reserveName is the file that takes what the image has too much.
const reserveName = "reserve"

// leave leaves size bytes free of a new file system, to the block.
func leave(top string, size int64) error {
	if err := os.Remove(filepath.Join(top, "lost+found")); err != nil {
		return err
	}
	size += blockSize // for the directory that Make makes
	var st unix.Statfs_t
	if err := unix.Statfs(top, &st); err != nil {
		return err
	}
	over := int64(st.Bavail)*blockSize - size
	if over < 0 {
		return fmt.Errorf("the image has %d bytes less than its limit", -over)
	}
	reserve, err := os.OpenFile(filepath.Join(top, reserveName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer reserve.Close()
	if over > 0 {
		if err := unix.Fallocate(int(reserve.Fd()), 0, 0, over); err != nil {
			return fmt.Errorf("reserve what is beyond the limit: %w", err)
		}
	}
	return nil
}

// cleanLoop unmounts what is mounted on top: what a process that was killed
// has left in a namespace of others.
func cleanLoop(top string) error {
	for {
		err := unix.Unmount(top, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM): // nothing mounted, or not ours to
			return os.RemoveAll(filepath.Join(filepath.Dir(top), imageName))
		case err != nil:
			return fmt.Errorf("unmount %s: %w", top, err)
		}
	}
}
