// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
		return dirError(d.Task(id), err)
	}
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("%w; drydock doctor --clean removes what dead supervisors left, then prune again", err)
	}
	return nil
}

// RemovePruned removes what a RemoveTask that was killed left.
func (d *Dir) RemovePruned() error {
	entries, err := os.ReadDir(d.tasks())
	if err != nil {
		return dirError(d.tasks(), err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prunedPrefix) {
			errs = append(errs, os.RemoveAll(filepath.Join(d.tasks(), e.Name())))
		}
	}
	return errors.Join(errs...)
}
