// SPDX-License-Identifier: Apache-2.0

package hard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// Way is how writes are stopped.
type Way string

// The ways.
const (
	Quota Way = "quota" // a project quota of the directory's own file system
	Loop  Way = "loop"  // a file system of its own in a sparse file
)

// What says it in a sentence.
func (w Way) What() string {
	if w == Quota {
		return "a project quota"
	}
	return "a file system of its own in a sparse file"
}

// Hold is a directory that takes no more than its limit. Its methods are safe
// for concurrent use, but for Release.
type Hold struct {
	Way  Way
	Size int64  // the limit in bytes
	top  string // where the limit begins
	fs   *os.File
	undo func() error
}

// dataDir is the directory below the top that a Hold's owner may use. It is
// there only with the limit: who looks for it where the limit is not in force,
// because a mount did not reach it, finds nothing.
const dataDir = "data"

// Data is the directory of a Hold to use. It belongs to root and has mode 755.
func Data(top string) string { return filepath.Join(top, dataDir) }

// Data is that of the top that was given to Make.
func (h *Hold) Data() string { return Data(h.top) }

// Make makes the directory top, whose parent exists, and holds it to size
// bytes in the given way. Errors are *sandbox.UnsupportedError. The caller
// unmounts nothing and removes top after Release. Where the caller has a mount
// namespace of its own nobody else sees a Loop; otherwise Clean undoes what a
// killed process has left.
func Make(way Way, top string, size int64) (*Hold, error) {
	if err := os.Mkdir(top, 0o711); err != nil {
		return nil, err
	}
	hold := holdByLoop
	if way == Quota {
		hold = holdByQuota
	}
	undo, err := hold(top, size)
	if err != nil {
		return nil, errors.Join(failed(way, err), os.Remove(top))
	}
	h := &Hold{Way: way, Size: size, top: top, undo: undo}
	if h.fs, err = openOwn(top); err == nil {
		if err = os.Mkdir(h.Data(), 0o755); err == nil {
			err = os.Chmod(h.Data(), 0o755) // whatever the umask is
		}
	}
	if err != nil {
		return nil, errors.Join(err, h.Release())
	}
	return h, nil
}

// failed says that a way which should be there failed.
func failed(way Way, err error) error {
	return &sandbox.UnsupportedError{What: fmt.Sprintf("the disk limit could not be held by %s: %v", way.What(), err),
		Remedy: "mend that, or use --disk-enforce=evict"}
}

// openOwn keeps a descriptor of the file system, for Used and Sync.
func openOwn(top string) (*os.File, error) {
	return os.OpenFile(top, os.O_RDONLY|unix.O_DIRECTORY, 0)
}

// Used is how much of the limit is taken, in bytes, and whether a Loop has no
// inode left for another file. Of a quota statfs does not tell: where the
// machine's disk has less room than the limit it shows that.
func (h *Hold) Used() (bytes int64, noFiles bool, err error) {
	if h.Way != Loop {
		bytes, err = projectUse(h.fs)
		return bytes, false, err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(h.fs.Fd()), &st); err != nil {
		return 0, false, err
	}
	return max(h.Size-int64(st.Bavail)*st.Bsize, 0), st.Ffree == 0, nil
}

// Sync writes back what is still in memory. An error means that something
// which the program had written was lost: the machine's own disk may be full.
func (h *Hold) Sync() error { return unix.Syncfs(int(h.fs.Fd())) }

// Release lets go of the limit. A Loop's contents go with the last who uses
// them; those of a Quota stay, without a limit.
func (h *Hold) Release() error {
	var err error
	if h.fs != nil {
		err = h.fs.Close()
	}
	return errors.Join(err, h.undo())
}

// Clean takes back what a process that was killed has left of a Make(…, top,
// …), whatever the way; what is not there needs none. The contents are the
// caller's to remove, before for a Quota and after for a Loop: both are right
// with Clean first and the removal after it.
func Clean(top string) error {
	return errors.Join(cleanLoop(top), cleanQuota(top))
}

// Impossible says that no limit can be held hard.
func Impossible(why, remedy string) error {
	if remedy != "" {
		remedy += ", or "
	}
	return &sandbox.SpecError{Field: "disk", Reason: "a hard limit cannot be held here: " + why,
		Remedy: remedy + "use --disk-enforce=evict, which hinders no write and ends the task above its limit"}
}
