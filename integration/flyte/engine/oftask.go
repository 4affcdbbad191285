// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"fmt"
	"strings"

	"drydock/integration/flyte/book"
)

// OfTask returns the action that the executor's task with this id was an
// attempt of, as the book has it. Error: ErrNotFound.
func (e *Engine) OfTask(taskID string) (*Action, error) {
	var found *Action
	err := e.c.Book.View(func(tx book.Tx) error {
		var failed error
		tx.Scan(book.States, "", "", func(key string, value []byte) bool {
			if !bytes.Contains(value, []byte(taskID)) {
				return true
			}
			var a *Action
			a, failed = getAction(tx, ActionID{runOfAction(key), key[strings.LastIndexByte(key, '/')+1:]})
			if failed == nil && a.Task != nil && a.tried(taskID) {
				found = a
			}
			return failed == nil && found == nil
		})
		return failed
	})
	if err == nil && found == nil {
		err = fmt.Errorf("the action of task %s: %w", taskID, ErrNotFound)
	}
	return found, err
}

// tried reports whether the executor's task is one of the action's attempts.
func (a *Action) tried(taskID string) bool {
	for i := range a.Attempts {
		if a.Attempts[i].TaskID == taskID {
			return true
		}
	}
	return false
}
