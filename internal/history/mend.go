// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errUnsound is wrapped by what was read and can be none of ours.
var errUnsound = errors.New("it holds what drydock did not write")

// code is SQLite's primary result code of an error; SQLITE_OK: none of its.
func code(err error) int {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return sqlite3.SQLITE_OK
	}
	return e.Code() & 0xff // the rest is detail
}

// damaged reports whether an error says that the file is no sound database.
func damaged(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT,
		sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH: // tables that are not as this version made them
		return true
	}
	return errors.Is(err, errUnsound)
}

// reason says in a sentence why the file cannot be used, and what to do.
func reason(path string, err error) string {
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return err.Error()
	case code(err) == sqlite3.SQLITE_FULL, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Sprintf("%s cannot be written, because the disk is full; free some space (drydock prune)", path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), code(err) == sqlite3.SQLITE_READONLY:
		return fmt.Sprintf("%s cannot be written; it is another user's, or on a read-only file system", path)
	}
	if code(err) == sqlite3.SQLITE_IOERR && full(path) { // its shared memory found no room
		return fmt.Sprintf("%s cannot be used, because the disk is full; free some space (drydock prune)", path)
	}
	return fmt.Sprintf("%s: %v; remove it if that stays so: it is only an index", path, err)
}

// full reports whether there is hardly any room where a file lies.
func full(path string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(filepath.Dir(path), &st) == nil && st.Bavail*uint64(st.Bsize) < leastRoom
}

// leastRoom is what SQLite's shared memory takes at the least.
const leastRoom = 32 << 10

// rebuild puts a damaged file aside and begins a new one, which the next List
// fills.
func (x *Index) rebuild(ctx context.Context, why error) (*sql.DB, error) {
	unlock, err := lockFile(x.path() + ".lock")
	if err != nil {
		return nil, errors.Join(why, err)
	}
	defer unlock()
	if now, err := os.Stat(x.path()); err != nil || !os.SameFile(now, x.file) { // somebody was first
		return x.openLocked(ctx)
	}
	x.forgetAside()
	aside := x.path() + ".damaged-" + time.Now().UTC().Format("20060102T150405")
	if err := os.Rename(x.path(), aside); err != nil {
		return nil, errors.Join(why, err)
	}
	for _, suffix := range []string{"-wal", "-shm"} { // they belong to the old file
		if err := os.Rename(x.path()+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(why, err)
		}
	}
	x.warnings = append(x.warnings, fmt.Sprintf("%s was damaged (%v) and is made anew from the tasks' directories; the old file is %s",
		x.path(), why, aside))
	return x.openLocked(ctx)
}

// forgetAside removes what was put aside before: one file tells what happened,
// and they are not to pile up.
func (x *Index) forgetAside() {
	old, _ := filepath.Glob(x.path() + ".damaged-*") // the pattern is sound
	for _, path := range old {
		_ = os.Remove(path) // or it is there the next time
	}
}

// lockFile takes the lock on the file at path. It waits for another process,
// but not for ever: that may have been stopped.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
	}
}
