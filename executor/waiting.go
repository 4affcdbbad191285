// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/state"
)

// waitingFile of a task's directory says what it waits for, while it does.
const waitingFile = "waiting.json"

const waitingVersion = 1

type waitingRecord struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Waiting string    `json:"waiting"` // one sentence
}

// recordWaiting writes down for others what the task waits for, or that it
// does not any more. Nothing depends on it, so that a failure is not told.
func (r *run) recordWaiting(reason string) {
	path := filepath.Join(r.state.Task(r.id), waitingFile)
	if reason == "" {
		_ = os.Remove(path)
		return
	}
	_ = state.WriteJSON(path, waitingRecord{waitingVersion, time.Now().UTC(), reason})
}

// ReadWaiting returns what a task waits for, in one sentence; "" when it does
// not wait, or nobody wrote it down. Only while somebody runs the task does it
// mean anything: a crash leaves it behind.
func ReadWaiting(stateDir, id string) string {
	var w waitingRecord
	err := state.ReadJSON(filepath.Join(stateDir, "tasks", id, waitingFile), waitingVersion, &w)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "" // it says nothing that anybody needs
	}
	return w.Waiting
}
