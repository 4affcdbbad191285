// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"

	"drydock/internal/state"
)

// Index lists the tasks of one state directory. It is for one goroutine, but
// for Read, which any may call; several processes may have one each.
type Index struct {
	state    *state.Dir
	alive    func(dir string) bool
	db       *sql.DB     // nil: the directories are read every time
	file     os.FileInfo // which file that is, by its name alone another may be
	frozen   bool        // the file cannot be written
	warnings []string
	// unsettled are tasks that List came across whose end nobody has written
	// down, nor looks after.
	unsettled []string
}

// Open opens the history of a state directory. alive reports whether the
// supervisor of the attempt in a directory lives. A history file that cannot
// be used is no error: Warnings say why, and List reads the directories.
func Open(ctx context.Context, stateDir string, alive func(dir string) bool) (*Index, error) {
	dir, err := state.Open(stateDir)
	if err != nil {
		return nil, err
	}
	x := &Index{state: dir, alive: alive}
	x.db, err = x.openFile(ctx)
	if err != nil && damaged(err) {
		x.db, err = x.rebuild(ctx, err)
	}
	if err != nil {
		x.doubt(err)
	}
	return x, nil
}

// openFile opens the file, one process at a time: SQLite makes nobody wait
// while a file is turned to its write-ahead log, and errs.
func (x *Index) openFile(ctx context.Context) (*sql.DB, error) {
	unlock, err := lockFile(x.path() + ".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	return x.openLocked(ctx)
}

// openLocked opens the file and notes which one it is, sound or not.
func (x *Index) openLocked(ctx context.Context) (*sql.DB, error) {
	db, err := openFile(ctx, x.path())
	if file, statErr := os.Stat(x.path()); statErr == nil {
		x.file = file
	}
	return db, err
}

func (x *Index) path() string { return filepath.Join(x.state.Root(), FileName) }

// Close gives the file back.
func (x *Index) Close() error {
	if x.db == nil {
		return nil
	}
	return x.db.Close()
}

// Warnings are sentences about a history file that could not be used as it
// was. Everything works without it, only slower.
func (x *Index) Warnings() []string { return x.warnings }

// Unsettled are the tasks whose end nobody has written down, nor looks after,
// as the last List found them: a kill or a crash took all who would have. One
// may have left nothing but an empty directory.
func (x *Index) Unsettled() []string { return x.unsettled }

// doubt goes on without the file.
func (x *Index) doubt(err error) {
	x.warn(err)
	if x.db != nil {
		_ = x.db.Close() // the first error is the one to tell
		x.db = nil
	}
}

func (x *Index) warn(err error) {
	x.warnings = append(x.warnings, "the history is read from the tasks' directories, which takes longer: "+reason(x.path(), err))
}
