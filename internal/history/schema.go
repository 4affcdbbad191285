// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"database/sql"
	"fmt"
)

// schemaVersion is the version of the file's tables (PRAGMA user_version). A
// file of an older one is emptied and filled anew from the directories, which
// is all that a migration of an index can be; a newer one is left alone.
const schemaVersion = 2

// Only ended tasks are kept. Times are nanoseconds since 1970; sizes bytes.
const schema = `
CREATE TABLE tasks (
	id        TEXT PRIMARY KEY,
	name      TEXT NOT NULL,
	command   TEXT NOT NULL,  -- a JSON array
	image     TEXT NOT NULL,
	asked     TEXT NOT NULL,  -- resources as they were written, JSON
	flyte     INTEGER NOT NULL, -- 1: an action of a Flyte run
	begun     INTEGER NOT NULL,
	ended     INTEGER NOT NULL,
	verdict   TEXT NOT NULL,
	code      TEXT NOT NULL,
	message   TEXT NOT NULL,
	exit_code INTEGER NOT NULL,
	problems  TEXT NOT NULL   -- a JSON array
) STRICT, WITHOUT ROWID;
CREATE TABLE attempts (
	task        TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
	number      INTEGER NOT NULL,
	verdict     TEXT NOT NULL,
	code        TEXT NOT NULL,
	message     TEXT NOT NULL,
	exit_code   INTEGER,      -- of the main process
	signal      TEXT NOT NULL,
	started     INTEGER,
	ended       INTEGER,
	sandbox     TEXT NOT NULL,
	resources   TEXT NOT NULL, -- as completed, JSON
	memory_limit INTEGER NOT NULL,
	memory_peak INTEGER NOT NULL,
	cpu_seconds REAL NOT NULL,
	disk_peak   INTEGER NOT NULL, -- 0: not measured
	log         TEXT NOT NULL, -- below the state directory
	samples     TEXT NOT NULL, -- likewise
	PRIMARY KEY (task, number)
) STRICT, WITHOUT ROWID;
`

// VersionError says that a newer drydock wrote the history file. Nothing was
// changed.
type VersionError struct {
	Path         string
	Found, Known int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has version %d and this drydock knows %d; use the drydock that wrote it, or remove the file: it is only an index",
		e.Path, e.Found, e.Known)
}

// prepare makes the tables of a new file, or of one that an older drydock left.
func prepare(ctx context.Context, db *sql.DB, path string, known int) error {
	found, err := userVersion(ctx, db)
	switch {
	case err != nil:
		return err
	case found == known:
		return nil
	case found > known:
		return &VersionError{Path: path, Found: found, Known: known}
	}
	return write(ctx, db, func(tx *sql.Tx) error {
		// Another process may have been first.
		if found, err := userVersion(ctx, tx); err != nil || found >= known {
			return err
		}
		if err := dropTables(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d;", known))
		return err
	})
}

type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func userVersion(ctx context.Context, q querier) (int, error) {
	var version int
	err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// dropTables removes whatever tables an older version had.
func dropTables(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		return err
	}
	names, err := collect(rows, func(name *string) []any { return []any{name} })
	if err != nil {
		return err
	}
	// What refers to another goes first, and it was made last.
	for i := len(names) - 1; i >= 0; i-- {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("DROP TABLE %q", names[i])); err != nil {
			return err
		}
	}
	return nil
}
