// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Window is how far back the sparklines go.
const Window = time.Minute

// Snapshot is how all tasks stand at a moment.
type Snapshot struct {
	Time time.Time `json:"time"`
	// Cores and Memory are what tasks may have of this machine; 0: not known.
	Cores  float64 `json:"cores,omitempty"`
	Memory int64   `json:"memory,omitempty"` // bytes
	Tasks  []Task  `json:"tasks"`
}

// Task is a running or queued task. Sizes are bytes.
type Task struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Status  string    `json:"status"` // running, queued
	Begun   time.Time `json:"begun"`
	Attempt int       `json:"attempt,omitempty"`
	Waiting string    `json:"waiting,omitempty"` // what a queued task waits for

	CPULimit    float64  `json:"cpu_limit,omitempty"` // cores; 0: none
	Cores       *float64 `json:"cores,omitempty"`     // used now; nil: not known
	CPUSeconds  float64  `json:"cpu_seconds,omitempty"`
	MemoryLimit int64    `json:"memory_limit,omitempty"`
	Memory      *int64   `json:"memory,omitempty"` // used now; nil: not known

	Recent []Point `json:"-"` // of the last minute, in order
}

// Point is what a task used at a moment.
type Point struct {
	Time   time.Time
	Cores  *float64
	Memory int64
}

// Order says how tasks are sorted.
type Order string

// The orders.
const (
	ByAge    Order = "age" // the newest first
	ByCPU    Order = "cpu"
	ByMemory Order = "memory" // in part of the limit, as what runs out first matters
)

// Sort sorts the tasks; what waits comes last.
func (s *Snapshot) Sort(by Order) {
	slices.SortStableFunc(s.Tasks, func(a, b Task) int {
		if c := cmp.Compare(b.running(), a.running()); c != 0 {
			return c
		}
		var c int
		switch by {
		case ByCPU:
			c = cmp.Compare(b.cores(), a.cores())
		case ByMemory:
			c = cmp.Compare(b.fill(), a.fill())
		}
		return cmp.Or(c, strings.Compare(b.ID, a.ID))
	})
}

func (t *Task) running() int {
	if t.Status == "running" {
		return 1
	}
	return 0
}

func (t *Task) cores() float64 {
	if t.Cores == nil {
		return 0
	}
	return *t.Cores
}

// fill is the part of the memory limit that is used.
func (t *Task) fill() float64 {
	if t.Memory == nil || t.MemoryLimit <= 0 {
		return 0
	}
	return float64(*t.Memory) / float64(t.MemoryLimit)
}
