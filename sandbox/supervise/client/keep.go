// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// DraftPrefix begins the name of a file that is not complete yet, on a file
// system that knows no nameless ones. Whoever admits tidies those up that nobody
// holds.
const DraftPrefix = ".draft-"

// readable is the mode of the directory's files: other users read what is taken.
const readable = 0o644

// Keep makes a file of the directory that counts for as long as it stays open,
// here or in a process that inherits it: the kernel frees its lock with the
// last of them. It gets its name when it is locked and complete, so that nobody
// who cleans up finds it without its holder, and never another's (the error
// wraps fs.ErrExist then). drafted is called just before.
func (l Leases) Keep(name string, document any, drafted func()) (*os.File, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	f, link, err := l.draft()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", l.Path(name), err)
	}
	if err = publish(f); err == nil {
		_, err = f.Write(append(text, '\n'))
	}
	drafted()
	if err == nil { // unlike a rename it never replaces another's
		err = unix.Linkat(unix.AT_FDCWD, link, unix.AT_FDCWD, l.Path(name), unix.AT_SYMLINK_FOLLOW)
	}
	if link == f.Name() {
		err = errors.Join(err, os.Remove(link))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", l.Path(name), err), f.Close())
	}
	return f, nil
}

// draft opens a locked file that has no name yet, so that a kill leaves nothing
// of it, and the path to link it from.
func (l Leases) draft() (f *os.File, link string, err error) {
	fd, err := unix.Open(string(l), unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, readable)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		f, err = l.namedDraft()
		if err != nil {
			return nil, "", err
		}
		return f, f.Name(), nil
	}
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: string(l), Err: err}
	}
	f = os.NewFile(uintptr(fd), "draft")
	if err := lock(f); err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return f, fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

// namedDraft is draft where each file has a name. Somebody may find it before it
// is locked, and take it for a dead one's: then there has to be another. Until
// it is published nobody else can open it.
func (l Leases) namedDraft() (*os.File, error) {
	for {
		f, err := os.CreateTemp(string(l), DraftPrefix+"*")
		if err != nil {
			return nil, err
		}
		var st unix.Stat_t
		if err = lock(f); err == nil {
			err = unix.Fstat(int(f.Fd()), &st)
		}
		if err == nil && st.Nlink > 0 {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, errors.Join(err, os.Remove(f.Name()))
		}
	}
}

// lock takes a lock that others hold for a moment only, if at all.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("flock", err)
		}
	}
}

// publish lets others read the file, whatever our umask is. Most often that is a
// usual one: every change of a mode would wake those who watch.
func publish(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Mode().Perm() == readable {
		return err
	}
	return f.Chmod(readable)
}
