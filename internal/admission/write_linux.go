// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// dir is a lease directory.
type dir string

// Names of our files; see the package's comment.
const (
	claimPrefix  = "claim."
	ticketPrefix = "ticket."
	draftPrefix  = ".draft-" // of a file system that knows no nameless files
)

func (d dir) path(name string) string { return filepath.Join(string(d), name) }

func claimName(id string, attempt int) string {
	return fmt.Sprintf("%s%s.%d", claimPrefix, id, attempt)
}

// readable is the mode of our files.
const readable = 0o644

// ticketName sorts by time.
func ticketName(since time.Duration, id string, attempt int) string {
	return fmt.Sprintf("%s%016x.%s.%d", ticketPrefix, int64(since), id, attempt)
}

// keep makes a file that counts for as long as it stays open here: it gets its
// name when it is locked and complete, and never another's.
func (d dir) keep(name string, document any) (*os.File, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	f, link, err := d.draft()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", d.path(name), err)
	}
	err = fill(f, append(text, '\n'))
	atStep(name, "filled")
	if err == nil {
		err = unix.Linkat(unix.AT_FDCWD, link, unix.AT_FDCWD, d.path(name), unix.AT_SYMLINK_FOLLOW)
	}
	if link == f.Name() {
		err = errors.Join(err, os.Remove(link))
	}
	atStep(name, "linked")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", d.path(name), err), f.Close())
	}
	return f, nil
}

// draft opens a file that has no name yet, and the path to link it from.
func (d dir) draft() (f *os.File, link string, err error) {
	fd, err := unix.Open(string(d), unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, readable)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		f, err = os.CreateTemp(string(d), draftPrefix+"*")
		if err != nil {
			return nil, "", err
		}
		return f, f.Name(), nil
	}
	if err != nil {
		return nil, "", os.NewSyscallError("open", err)
	}
	return os.NewFile(uintptr(fd), "draft"), fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

func fill(f *os.File, text []byte) error {
	// Others read what is taken, whatever our umask is. Most often that is a
	// usual one: every change of a mode would wake those who watch.
	if info, err := f.Stat(); err != nil {
		return err
	} else if info.Mode().Perm() != readable {
		if err := f.Chmod(readable); err != nil {
			return err
		}
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return os.NewSyscallError("flock", err)
	}
	_, err := f.Write(text)
	return err
}

// discard ends what keep began. The name goes first: who sees the file
// unlocked and takes it for a dead one's finds nothing to remove.
func (d dir) discard(name string, f *os.File) {
	_ = os.Remove(d.path(name))
	atStep(name, "removed")
	_ = f.Close()
}
