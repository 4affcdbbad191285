// SPDX-License-Identifier: Apache-2.0

package hard

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Projects of drydock's are numbered from here; below are people's own
// (/etc/projid), and container engines' count from 1.
const (
	firstProject = 0x64000000
	projects     = 0x0fffffff
)

// The kernel's words (include/uapi/linux/fs.h, dqblk_xfs.h, quota.h). Those of
// XFS are understood by ext4, too.
const (
	getAttributes = 0x801c581f // FS_IOC_FSGETXATTR
	setAttributes = 0x401c5820 // FS_IOC_FSSETXATTR
	inherit       = 0x200      // FS_XFLAG_PROJINHERIT

	projectQuota = 2              // PRJQUOTA
	setLimit     = ('X' << 8) + 4 // Q_XSETQLIM
	getQuota     = ('X' << 8) + 3 // Q_XGETQUOTA
	ofProject    = 2              // FS_PROJ_QUOTA
	blockLimits  = 1<<2 | 1<<3    // FS_DQ_BSOFT, FS_DQ_BHARD
	basicBlock   = 512            // the unit of limits and counts
)

// attributes are struct fsxattr.
type attributes struct {
	flags, extentSize, extents, project, cowExtentSize uint32
	_                                                  [8]byte
}

// quota is struct fs_disk_quota.
type quota struct {
	version              int8
	flags                int8
	fields               uint16
	id                   uint32
	hard, soft           uint64
	filesHard, filesSoft uint64
	blocks, files        uint64
	_                    [16]byte // timers and warnings
	_                    [40]byte // of the real-time part, and padding
}

// holdByQuota gives top a project of its own and limits it.
func holdByQuota(top string, size int64) (undo func() error, err error) {
	dir, err := openOwn(top)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	id, err := freeProject(dir)
	if err != nil {
		return nil, err
	}
	// First the limit, then the project: nothing is ever without one.
	if err := limitProject(dir, id, size); err != nil {
		return nil, err
	}
	undo = func() error { return cleanQuota(top) }
	if err := setProject(dir, id); err != nil {
		return nil, errors.Join(err, limitProject(dir, id, 0))
	}
	return undo, nil
}

// projectTries is how often a number may be taken; of 2²⁸ few are.
const projectTries = 16

// freeProject finds a number that nothing belongs to and nothing limits.
func freeProject(dir *os.File) (uint32, error) {
	for range projectTries {
		id := firstProject + rand.Uint32N(projects)
		var q quota
		err := quotactl(dir, getQuota, id, &q)
		if errors.Is(err, unix.ENOENT) || err == nil && q.hard == 0 && q.files == 0 && q.blocks == 0 {
			return id, nil
		}
		if err != nil {
			return 0, fmt.Errorf("ask for a quota: %w", err)
		}
	}
	return 0, errors.New("no number is free for a project")
}

// limitProject sets a project's limit in bytes; 0: none.
func limitProject(dir *os.File, id uint32, size int64) error {
	blocks := uint64(size / basicBlock)
	q := quota{version: 1, flags: ofProject, fields: blockLimits, id: id, hard: blocks, soft: blocks}
	if err := quotactl(dir, setLimit, id, &q); err != nil {
		return fmt.Errorf("set a quota: %w", err)
	}
	return nil
}

// quotactl needs Linux 5.14; a kernel before that has no proof to give.
func quotactl(dir *os.File, command int, id uint32, q *quota) error {
	_, _, errno := unix.Syscall6(unix.SYS_QUOTACTL_FD, dir.Fd(), uintptr(command<<8|projectQuota), uintptr(id), uintptr(unsafe.Pointer(q)), 0, 0)
	runtime.KeepAlive(dir)
	if errno != 0 {
		return errno
	}
	return nil
}

// setProject makes a directory, and what will be made in it, a project's.
func setProject(dir *os.File, id uint32) error {
	a, err := attributesOf(dir)
	if err != nil {
		return fmt.Errorf("read a directory's project: %w", err)
	}
	a.project, a.flags = id, a.flags|inherit
	if err := ioctl(dir, setAttributes, &a); err != nil {
		return fmt.Errorf("set a directory's project: %w", err)
	}
	return nil
}

func attributesOf(dir *os.File) (a attributes, err error) { return a, ioctl(dir, getAttributes, &a) }

func ioctl(dir *os.File, request uintptr, a *attributes) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), request, uintptr(unsafe.Pointer(a)))
	runtime.KeepAlive(dir)
	if errno != 0 {
		return errno
	}
	return nil
}

// cleanQuota takes the limit off the project that top has of ours. What else
// belongs to the project is not limited any more.
func cleanQuota(top string) error {
	dir, err := openOwn(top)
	if err != nil {
		return nil // it is gone, or was never a directory
	}
	defer dir.Close()
	a, err := attributesOf(dir)
	if err != nil || a.project < firstProject || a.project >= firstProject+projects {
		return nil
	}
	return limitProject(dir, a.project, 0)
}

// projectUse is what the project of a directory has, in bytes.
func projectUse(dir *os.File) (int64, error) {
	a, err := attributesOf(dir)
	if err != nil {
		return 0, err
	}
	var q quota
	if err := quotactl(dir, getQuota, a.project, &q); err != nil {
		return 0, err
	}
	return int64(q.blocks) * basicBlock, nil
}

const (
	probeLimit = 1 << 20
	probeWrite = 4 << 20
)

// quotaProved tries a quota out in a directory of its own below dir: a mount
// option may say what no write is stopped by.
func quotaProved(dir string) bool {
	top, err := os.MkdirTemp(dir, "quota-probe-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(top)
	undo, err := holdByQuota(top, probeLimit)
	if err != nil {
		return false
	}
	defer func() { _ = undo() }()
	return stopsWrites(top)
}

// stopsWrites writes beyond the probe's limit.
func stopsWrites(dir string) bool {
	return full(bound(func() error {
		f, err := os.CreateTemp(dir, "probe-")
		if err != nil {
			return err
		}
		defer f.Close()
		chunk := make([]byte, 64<<10)
		for written := 0; written < probeWrite && err == nil; written += len(chunk) {
			_, err = f.Write(chunk)
		}
		return errors.Join(err, f.Sync())
	}))
}

// bound runs f as somebody whom quotas bind: ext4 lets CAP_SYS_RESOURCE pass
// every one of them.
func bound(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and what it gave up with it
		err := dropSysResource()
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// dropSysResource gives up CAP_SYS_RESOURCE, for this thread.
func dropSysResource() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_RESOURCE
	return unix.Capset(&header, &data[0])
}
