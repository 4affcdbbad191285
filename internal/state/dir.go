// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// EnvDir is the environment variable that moves the state directory.
const EnvDir = "DRYDOCK_STATE_DIR"

// Names of the files that this package's users share. The sandbox adds its
// own: spec.json, outcome.json, log, samples.
const (
	TaskFile    = "task.json"
	EndedFile   = "ended.json"
	DemandFile  = "demand.json"
	VerdictFile = "verdict.json"
	OutcomeFile = "outcome.json"
	SpecFile    = "spec.json"
	ScratchDir  = "work" // the task's own directory while the attempt lasts
)

// Everything below the root may hold what a task printed or was given, so it
// is the owner's alone.
const private = 0o700

// DefaultRoot returns where the state lies when nobody says otherwise:
// $DRYDOCK_STATE_DIR, else /var/lib/drydock for root, else
// $XDG_STATE_HOME/drydock, else ~/.local/state/drydock.
func DefaultRoot() (string, error) {
	return defaultRoot(os.Getenv, os.Geteuid(), os.UserHomeDir)
}

func defaultRoot(getenv func(string) string, euid int, home func() (string, error)) (string, error) {
	if dir := getenv(EnvDir); dir != "" {
		return dir, nil
	}
	if euid == 0 {
		return "/var/lib/drydock", nil
	}
	// The XDG base directory specification: a relative value is ignored.
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "drydock"), nil
	}
	dir, err := home()
	if err != nil {
		return "", &DirError{Reason: "no home directory is known to keep state in",
			Remedy: "set " + EnvDir + " or give --state-dir", Err: err}
	}
	return filepath.Join(dir, ".local", "state", "drydock"), nil
}

// Dir is an open state directory. Its methods are safe for concurrent use,
// also by several processes.
type Dir struct {
	root string
}

// Open opens the state directory at root, or at DefaultRoot when root is
// empty, and makes it when it is not there. A directory that another version
// of drydock laid out is refused with a *VersionError and left as it is.
func Open(root string) (*Dir, error) {
	if root == "" {
		dir, err := DefaultRoot()
		if err != nil {
			return nil, err
		}
		root = dir
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, &DirError{Path: root, Reason: "the path cannot be made absolute",
			Remedy: "give --state-dir an absolute path", Err: err}
	}
	if err := os.MkdirAll(root, private); errors.Is(err, fs.ErrNotExist) { // as in /proc
		return nil, &DirError{Path: root, Reason: "no directory can be made there", Remedy: "give --state-dir another path", Err: err}
	} else if err != nil {
		return nil, Explain(root, err)
	}
	d := &Dir{root: root}
	if err := d.checkVersion(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.tasks(), private); err != nil {
		return nil, Explain(d.tasks(), err)
	}
	return d, nil
}

// Root returns the directory's absolute path.
func (d *Dir) Root() string { return d.root }

func (d *Dir) tasks() string { return filepath.Join(d.root, "tasks") }

// Task returns the directory of the task with the given id. It may not exist.
func (d *Dir) Task(id string) string { return filepath.Join(d.tasks(), id) }

// Attempt returns the directory of attempt n (from 1). It may not exist.
func (d *Dir) Attempt(id string, n int) string {
	return filepath.Join(d.Task(id), "attempts", strconv.Itoa(n))
}

// AttemptOf is Attempt's inverse: the root of the state directory that dir is
// the directory of an attempt in, the task's id, and the attempt's number.
func AttemptOf(dir string) (root, id string, n int, err error) {
	attempts := filepath.Dir(dir)
	task := filepath.Dir(attempts)
	n, err = strconv.Atoi(filepath.Base(dir))
	id = filepath.Base(task)
	if err != nil || n < 1 || !ValidID(id) || filepath.Base(attempts) != "attempts" || filepath.Base(filepath.Dir(task)) != "tasks" {
		return "", "", 0, fmt.Errorf("%s is no attempt's directory; accepted: …/tasks/ID/attempts/N", dir)
	}
	return filepath.Dir(filepath.Dir(task)), id, n, nil
}

// CreateTask makes the directory of a new task.
func (d *Dir) CreateTask(id string) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	return mkdir(d.Task(id))
}

// CreateAttempt makes the directory of attempt n. An attempt's directory is
// never used twice: an existing one is an error that wraps fs.ErrExist.
func (d *Dir) CreateAttempt(id string, n int) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	dir := d.Attempt(id, n)
	if err := os.MkdirAll(filepath.Dir(dir), private); err != nil {
		return "", Explain(dir, err)
	}
	return mkdir(dir)
}

func mkdir(dir string) (string, error) {
	if err := os.Mkdir(dir, private); err != nil {
		return "", Explain(dir, err)
	}
	return dir, nil
}

// checkID keeps ids from naming anything outside the tasks directory.
func checkID(id string) error {
	if !ValidID(id) {
		return fmt.Errorf("task id %q is not a ULID", id)
	}
	return nil
}

// TaskIDs returns the ids of all tasks, oldest first. Entries that drydock
// did not make are left out.
func (d *Dir) TaskIDs() ([]string, error) {
	entries, err := os.ReadDir(d.tasks())
	if err != nil {
		return nil, Explain(d.tasks(), err)
	}
	var ids []string
	for _, e := range entries { // sorted by name, and ULIDs sort by time
		if e.IsDir() && ValidID(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Attempts returns the numbers of a task's attempts in order; none when the
// task never started one.
func (d *Dir) Attempts(id string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(d.Task(id), "attempts"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Explain(d.Task(id), err)
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 && !strings.HasPrefix(e.Name(), "+") {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers) // ReadDir sorts 10 before 2
	return numbers, nil
}
