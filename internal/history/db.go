// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	// SQLite in Go: other programs can read the file, several processes may
	// write it, and drydock needs no C library for it.
	_ "modernc.org/sqlite"

	"drydock/executor"
)

// FileName is the history file's name in the state directory.
const FileName = "history.db"

// patience is how long a file that another process writes is waited for.
const patience = 2 * time.Second

// openFile opens the history file, and makes it where it is not there.
func openFile(ctx context.Context, path string) (*sql.DB, error) {
	// SQLite would make it readable for everybody; what goes along with it
	// (the log, the shared memory) gets the file's mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	settings := url.Values{
		"_busy_timeout": {fmt.Sprint(patience.Milliseconds())}, "_journal_mode": {"WAL"},
		"_synchronous":  {"OFF"}, // what a power failure tears is made anew
		"_foreign_keys": {"on"}, "_txlock": {"immediate"}, "_dqs": {"false"},
	}
	if info.Size() == 0 { // what prune frees goes back to the file system
		settings.Set("_auto_vacuum", "FULL")
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := prepare(ctx, db, path, schemaVersion); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// write runs f in one transaction: all of it or nothing.
func write(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// collect reads rows into values whose parts into points to.
func collect[T any](rows *sql.Rows, into func(*T) []any) ([]T, error) {
	defer func() { _ = rows.Close() }() // Err tells
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(into(&v)...); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// knownIDs are the tasks that the file holds.
func knownIDs(ctx context.Context, db *sql.DB) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT id FROM tasks")
	if err != nil {
		return nil, err
	}
	ids, err := collect(rows, func(id *string) []any { return []any{id} })
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	return known, nil
}

// put keeps ended tasks. Another process may have done so already.
func put(ctx context.Context, db *sql.DB, root string, tasks []Task) error {
	if len(tasks) == 0 {
		return nil
	}
	return write(ctx, db, func(tx *sql.Tx) error {
		task, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO tasks VALUES ("+marks(13)+")")
		if err != nil {
			return err
		}
		attempt, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO attempts VALUES ("+marks(17)+")")
		if err != nil {
			return err
		}
		for i := range tasks {
			if err := putTask(ctx, task, attempt, root, &tasks[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func unsound(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUnsound, err)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

func putTask(ctx context.Context, task, attempt *sql.Stmt, root string, t *Task) error {
	_, err := task.ExecContext(ctx, t.ID, t.Name, asJSON(t.Command), t.Image, asJSON(t.Asked), t.Flyte, nanos(t.Begun), nanos(t.EndedAt),
		string(t.Class), t.Code, t.Message, *t.ExitCode, asJSON(t.Problems))
	if err != nil {
		return err
	}
	for i := range t.Attempts {
		a := &t.Attempts[i]
		_, err := attempt.ExecContext(ctx, t.ID, a.Number, string(a.Class), a.Code, a.Message, a.ExitCode, a.Signal,
			nullTime(a.StartedAt), nullTime(a.EndedAt), a.Sandbox, asJSON(a.Resources), a.MemoryLimit, a.MemoryPeak, a.CPUSeconds, a.DiskPeak,
			below(root, a.Log), below(root, a.Samples))
		if err != nil {
			return err
		}
	}
	return nil
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil { // only values that were read from JSON get here
		panic(err)
	}
	return string(data)
}

func nanos(t time.Time) int64 { return t.UnixNano() }

func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixNano()
}

func below(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil {
		return rel
	}
	return path
}

// newest returns the newest ended tasks that the filter takes.
func newest(ctx context.Context, db *sql.DB, root string, f Filter) ([]Task, error) {
	query := "SELECT id, name, command, image, asked, flyte, begun, ended, verdict, code, message, exit_code, problems FROM tasks"
	var args []any
	if len(f.Classes) > 0 && !slices.Contains(f.Statuses, Ended) {
		query += " WHERE verdict IN (" + marks(len(f.Classes)) + ")"
		for _, c := range f.Classes {
			args = append(args, string(c))
		}
	}
	query += " ORDER BY id DESC"
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	found, err := collect(rows, func(r *taskRow) []any {
		return []any{&r.ID, &r.Name, &r.command, &r.Image, &r.asked, &r.Flyte, &r.begun, &r.ended, &r.class, &r.Code, &r.Message, &r.exit, &r.problems}
	})
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, 0, len(found))
	for i := range found {
		t, err := found[i].task(root)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return tasks, attemptsOf(ctx, db, root, tasks)
}

// taskRow is a task as the file holds it.
type taskRow struct {
	Task
	command, asked, class, problems string
	begun, ended                    int64
	exit                            int
}

func (r *taskRow) task(root string) (Task, error) {
	t := r.Task
	t.Status, t.Class, t.ExitCode = Ended, executor.Class(r.class), &r.exit
	t.Begun, t.EndedAt = time.Unix(0, r.begun).UTC(), time.Unix(0, r.ended).UTC()
	t.Dir = filepath.Join(root, "tasks", t.ID)
	return t, unsound(errors.Join(json.Unmarshal([]byte(r.command), &t.Command),
		json.Unmarshal([]byte(r.asked), &t.Asked), json.Unmarshal([]byte(r.problems), &t.Problems)))
}

// attemptRow is an attempt as the file holds it.
type attemptRow struct {
	Attempt
	task, class, demand string
	exit                sql.NullInt64
	started, ended      sql.NullInt64
}

// attemptsOf fills in the attempts of tasks.
func attemptsOf(ctx context.Context, db *sql.DB, root string, tasks []Task) error {
	at := map[string]*Task{}
	for i := range tasks {
		at[tasks[i].ID] = &tasks[i]
	}
	if len(tasks) == 0 {
		return nil
	}
	// Tasks come newest first; between the ends lie hardly any others.
	rows, err := db.QueryContext(ctx, "SELECT task, number, verdict, code, message, exit_code, signal, started, ended, sandbox, resources,"+
		" memory_limit, memory_peak, cpu_seconds, disk_peak, log, samples FROM attempts WHERE task BETWEEN ? AND ? ORDER BY task, number",
		tasks[len(tasks)-1].ID, tasks[0].ID)
	if err != nil {
		return err
	}
	found, err := collect(rows, func(r *attemptRow) []any {
		return []any{&r.task, &r.Number, &r.class, &r.Code, &r.Message, &r.exit, &r.Signal, &r.started, &r.ended, &r.Sandbox, &r.demand,
			&r.MemoryLimit, &r.MemoryPeak, &r.CPUSeconds, &r.DiskPeak, &r.Log, &r.Samples}
	})
	if err != nil {
		return err
	}
	for i := range found {
		r := &found[i]
		t := at[r.task]
		if t == nil {
			continue
		}
		a, err := r.attempt(root)
		if err != nil {
			return err
		}
		t.Attempts = append(t.Attempts, a)
	}
	return nil
}

func (r *attemptRow) attempt(root string) (Attempt, error) {
	a := r.Attempt
	a.Class = executor.Class(r.class)
	if r.exit.Valid {
		code := int(r.exit.Int64)
		a.ExitCode = &code
	}
	if r.started.Valid {
		a.StartedAt = time.Unix(0, r.started.Int64).UTC()
	}
	if r.ended.Valid {
		a.EndedAt = time.Unix(0, r.ended.Int64).UTC()
	}
	a.Log, a.Samples = filepath.Join(root, a.Log), filepath.Join(root, a.Samples)
	return a, unsound(json.Unmarshal([]byte(r.demand), &a.Resources))
}

// remove forgets tasks.
func remove(ctx context.Context, db *sql.DB, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return write(ctx, db, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, "DELETE FROM tasks WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}
