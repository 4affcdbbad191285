// SPDX-License-Identifier: Apache-2.0

package history

import (
	"time"

	"drydock/executor"
	"drydock/resources"
)

// Status says how far a task has come.
type Status string

// The statuses.
const (
	// Queued: a drydock has it, and nothing of it runs: it waits for room, or
	// for its next attempt.
	Queued Status = "queued"
	// Running: its attempt's supervisor lives, whether anybody follows it or not.
	Running Status = "running"
	Ended   Status = "ended" // it has a verdict
	// Lost: a kill or a crash took everything that knew of its end. Wait and
	// the next run of drydock find out what can be known.
	Lost Status = "lost"
)

// Statuses are all of them, in the order in which people ask for them.
var Statuses = []Status{Running, Queued, Ended, Lost}

// Task is what is known of a task. Times are zero and pointers nil where
// nothing is.
type Task struct {
	ID      string              `json:"id"`
	Name    string              `json:"name,omitempty"`
	Command []string            `json:"command,omitempty"`
	Image   string              `json:"image,omitempty"`
	Asked   resources.Resources `json:"asked"`           // as it was written
	Flyte   bool                `json:"flyte,omitempty"` // an action of a Flyte run
	Begun   time.Time           `json:"begun,omitzero"`
	EndedAt time.Time           `json:"ended_at,omitzero"`
	Status  Status              `json:"status"`
	// Waiting says what a queued task waits for; "" when nobody wrote it down.
	Waiting string `json:"waiting,omitempty"`

	Class    executor.Class `json:"verdict,omitempty"` // "": none yet
	Code     string         `json:"code,omitempty"`
	Message  string         `json:"message,omitempty"`
	ExitCode *int           `json:"exit_code,omitempty"` // what drydock run exited with

	Dir      string    `json:"dir"`
	Attempts []Attempt `json:"attempts,omitempty"` // in order
	Problems []string  `json:"problems,omitempty"` // documents that could not be read
}

// Last is the task's last attempt, or nil.
func (t *Task) Last() *Attempt {
	if len(t.Attempts) == 0 {
		return nil
	}
	return &t.Attempts[len(t.Attempts)-1]
}

// Attempt is one try. Sizes are bytes.
type Attempt struct {
	Number    int              `json:"number"`
	Class     executor.Class   `json:"verdict,omitempty"`
	Code      string           `json:"code,omitempty"`
	Message   string           `json:"message,omitempty"`
	ExitCode  *int             `json:"exit_code,omitempty"` // the main process's own
	Signal    string           `json:"signal,omitempty"`
	StartedAt time.Time        `json:"started_at,omitzero"`
	EndedAt   time.Time        `json:"ended_at,omitzero"`
	Sandbox   string           `json:"sandbox,omitempty"`
	Resources resources.Demand `json:"resources"` // as completed

	MemoryLimit int64   `json:"memory_limit,omitempty"` // as the kernel was told
	MemoryPeak  int64   `json:"memory_peak,omitempty"`
	CPUSeconds  float64 `json:"cpu_seconds,omitempty"`
	DiskPeak    int64   `json:"disk_peak,omitempty"` // the most that a look saw; only with a limit on it
	// Now is the latest sample of a running attempt.
	Now *Usage `json:"now,omitempty"`

	Log     string `json:"log"`     // path; the file may be missing
	Samples string `json:"samples"` // likewise
}
