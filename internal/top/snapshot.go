// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"drydock/sandbox"
)

// Window is how far back the sparklines go.
const Window = time.Minute

// Snapshot is how all tasks stand at a moment.
type Snapshot struct {
	Time time.Time `json:"time"`
	// Cores and Memory are what tasks may have of this machine, Disk is what is
	// free where the state directory lies; 0: not known.
	Cores  float64 `json:"cores,omitempty"`
	Memory int64   `json:"memory,omitempty"` // bytes
	Disk   int64   `json:"disk,omitempty"`   // bytes
	// Leased is what the tasks of all users and state directories hold of it
	// together: their requests. Nil: not known.
	Leased *sandbox.Amounts `json:"leased,omitempty"`
	Tasks  []Task           `json:"tasks"`
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
	Memory      *int64   `json:"memory,omitempty"`     // used now; nil: not known
	DiskLimit   int64    `json:"disk_limit,omitempty"` // 0: none, and then it is not measured
	Disk        *int64   `json:"disk,omitempty"`       // used at the last look; nil: not known
	// GPULimit is the memory of its devices together, 0: it has none, or nobody
	// knows; GPU is what it uses of it, and GPUBusy how busy they are, 0 to 1.
	GPULimit int64    `json:"gpu_memory_limit,omitempty"`
	GPU      *int64   `json:"gpu_memory,omitempty"`
	GPUBusy  *float64 `json:"gpu_busy,omitempty"`

	Recent []Point `json:"-"` // of the last minute, in order
	// RecentGPU likewise: devices are looked at at times of their own.
	RecentGPU []Point `json:"-"`
}

// Point is what a task used at a moment.
type Point struct {
	Time   time.Time
	Cores  *float64
	Memory int64
	Disk   *int64
	GPU    int64 // memory; of RecentGPU alone
}

// Order says how tasks are sorted.
type Order string

// The orders.
const (
	ByAge    Order = "age" // the newest first
	ByCPU    Order = "cpu"
	ByMemory Order = "memory" // in part of the limit, as what runs out first matters
	ByDisk   Order = "disk"   // likewise
	ByGPU    Order = "GPU"    // likewise, of the devices' memory
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
		case ByDisk:
			c = cmp.Compare(b.diskFill(), a.diskFill())
		case ByGPU:
			c = cmp.Compare(b.gpuFill(), a.gpuFill())
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

// cpuFill is the part of the CPU limit that is used.
func (t *Task) cpuFill() float64 {
	if t.CPULimit <= 0 {
		return 0
	}
	return t.cores() / t.CPULimit
}

// fill is the part of the memory limit that is used.
func (t *Task) fill() float64 { return part(t.Memory, t.MemoryLimit) }

// diskFill is the part of the disk limit that is used.
func (t *Task) diskFill() float64 { return part(t.Disk, t.DiskLimit) }

// gpuFill is the part of the devices' memory that is used.
func (t *Task) gpuFill() float64 { return part(t.GPU, t.GPULimit) }

func part(used *int64, limit int64) float64 {
	if used == nil || limit <= 0 {
		return 0
	}
	return float64(*used) / float64(limit)
}
