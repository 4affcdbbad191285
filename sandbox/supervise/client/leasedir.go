// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// Make makes the directory for everybody, like /tmp, and refuses one in
// which somebody else could remove or replace our files.
func (l Leases) Make() error {
	dir := string(l)
	err := os.MkdirAll(filepath.Dir(dir), 0o755)
	if err == nil {
		if err = os.Mkdir(dir, 0o755); err == nil {
			err = os.Chmod(dir, 0o777|os.ModeSticky)
		}
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return &sandbox.UnsupportedError{What: fmt.Sprintf("make the lease directory: %v", err), Remedy: l.remedy()}
	}
	if os.Geteuid() == 0 {
		l.adopt()
	}
	return l.trust()
}

// adopt makes a directory that an ordinary user made before root came root's,
// so that everybody can trust it. What the user has put there stays the
// user's; being sticky, the directory keeps it apart from what others will.
func (l Leases) adopt() {
	fd, err := unix.Open(string(l), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return // trust says what is wrong
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Uid != 0 && unix.Fchmod(fd, 0o1777) == nil {
		_ = unix.Fchown(fd, 0, 0)
	}
}

// trust checks that the directory is root's or ours, and that others who may
// write in it cannot touch files of ours.
func (l Leases) trust() error {
	var st unix.Stat_t
	if err := unix.Lstat(string(l), &st); err != nil {
		return &os.PathError{Op: "lstat", Path: string(l), Err: err}
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	foreign := st.Uid != 0 && st.Uid != uint32(os.Geteuid())
	open := st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0
	if !isDir || foreign || open {
		return &sandbox.UnsupportedError{
			What:   fmt.Sprintf("the lease directory %s cannot be trusted: it must be a directory of root's, and sticky where others may write", string(l)),
			Remedy: l.remedy(),
		}
	}
	return nil
}

func (l Leases) remedy() string {
	return "have root make it: `sudo install -d -o root -g root -m 1777 " + string(l) + "`"
}

// Check says what is wrong with the directory. One that is not there is made.
func (l Leases) Check() error {
	err := l.trust()
	if errors.Is(err, os.ErrNotExist) {
		err = l.Make()
	}
	return err
}
