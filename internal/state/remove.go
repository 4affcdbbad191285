// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/failpoint"
)

// prunedPrefix begins the name of a task's directory that is being removed.
const prunedPrefix = ".pruned-"

// RemoveTask removes a task and all that is kept of it. While somebody runs or
// follows it the error wraps ErrLocked, and nothing is touched. The task is
// gone at once; what a crash leaves of its directory, RemovePruned removes.
func (d *Dir) RemoveTask(id string) error {
	unlock, err := d.LockTask(id)
	if err != nil {
		return err
	}
	defer unlock()
	gone := filepath.Join(d.tasks(), prunedPrefix+id)
	if err := os.Rename(d.Task(id), gone); err != nil {
		return Explain(d.Task(id), err)
	}
	failpoint.At(failpoint.PruneBegun)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("%w; drydock doctor --clean removes what dead supervisors left, then prune again", err)
	}
	return nil
}

// RemovePruned removes what a RemoveTask that was killed left.
func (d *Dir) RemovePruned() error {
	entries, err := os.ReadDir(d.tasks())
	if err != nil {
		return Explain(d.tasks(), err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prunedPrefix) {
			errs = append(errs, os.RemoveAll(filepath.Join(d.tasks(), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// socketFile is an attempt's socket, which a supervisor that was killed leaves
// behind (package wire).
const socketFile = "control.sock"

// RemoveDrafts removes what kills left half done in a task's directory:
// temporary files of its documents, and dead sockets. Only who has the task's
// lock may call it, when nothing of it runs any more. Of two who judge an attempt
// at a time the slower one may lose its file: it holds the same verdict.
func (d *Dir) RemoveDrafts(id string) {
	dirs := []string{d.Task(id)}
	numbers, _ := d.Attempts(id) // what cannot be read goes with the task
	for _, n := range numbers {
		dirs = append(dirs, d.Attempt(id, n))
	}
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if halfDone(e.Name()) {
				_ = os.Remove(filepath.Join(dir, e.Name()))
			}
		}
	}
}

func halfDone(name string) bool {
	switch name {
	case socketFile, "." + socketFile, OutcomeFile + ".tmp":
		return true
	}
	return strings.HasPrefix(name, ".") && strings.Contains(name, ".json-") // see draft
}
