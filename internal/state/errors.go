// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// DirError says that the state directory, or a part of it, cannot be used.
type DirError struct {
	Path   string
	Reason string
	Remedy string
	Err    error // what the system said
}

func (e *DirError) Error() string {
	msg := "state directory"
	if e.Path != "" {
		msg += " " + e.Path
	}
	return msg + ": " + e.Reason + "; " + e.Remedy
}

func (e *DirError) Unwrap() error { return e.Err }

// VersionError says that another version of drydock wrote a file or laid out
// the directory. Nothing was changed.
type VersionError struct {
	Path  string
	Found string // what stands there
	Known int    // what this drydock knows
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s says version %s and this drydock knows %d; use the drydock that wrote it, or another directory with --state-dir",
		e.Path, e.Found, e.Known)
}

// Explain turns what the system said about path into a sentence with a
// remedy, a *DirError, for the few mishaps that happen to people.
func Explain(path string, err error) error {
	e := &DirError{Path: path, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Reason, e.Remedy = "the disk is full", "free some space (drydock prune) or move it with --state-dir"
	case errors.Is(err, syscall.EROFS):
		e.Reason, e.Remedy = "the file system is read-only", "move it with --state-dir or "+EnvDir
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Remedy = "permission denied", "move it with --state-dir or "+EnvDir
	case errors.Is(err, syscall.ENOTDIR):
		e.Reason, e.Remedy = "a part of the path is a file, not a directory", "give --state-dir another path"
	case errors.Is(err, syscall.ENAMETOOLONG):
		e.Reason, e.Remedy = "the path is too long", "give --state-dir a shorter one"
	default:
		return fmt.Errorf("state directory: %w", err)
	}
	return e
}
