// SPDX-License-Identifier: Apache-2.0

package sandbox

import "time"

// Event is something that happened while an attempt ran; exactly one of the
// pointers is set.
type Event struct {
	Time     time.Time `json:"time"`
	Started  *Started  `json:"started,omitempty"`
	Sample   *Sample   `json:"sample,omitempty"`
	OOM      *OOMEvent `json:"oom,omitempty"`
	Stopping *Stop     `json:"stopping,omitempty"`
}

// Started says that the program itself runs (its execve succeeded).
type Started struct {
	PID int `json:"pid"` // on the host
}

// OOMEvent is the kernel's first out-of-memory kill inside the attempt, as
// soon as it is seen. It makes displays quick; the verdict rests on Outcome.
type OOMEvent struct {
	Victim *Victim `json:"victim,omitempty"`
	Kills  int64   `json:"kills"`
}

// Sample is one look at the attempt's cgroup. Sizes are bytes. Nil: not known.
type Sample struct {
	Time       time.Time  `json:"time"`
	Memory     int64      `json:"memory"`
	CPUSeconds float64    `json:"cpu_seconds"`
	Breakdown  *Breakdown `json:"breakdown,omitempty"`
}

// Breakdown splits a cgroup's memory. Sizes are bytes. File includes Shmem on
// neither cgroup version here: Anon + File + Shmem + Kernel is about the usage.
type Breakdown struct {
	Anon   int64 `json:"anon"`
	File   int64 `json:"file"`
	Shmem  int64 `json:"shmem"`
	Kernel int64 `json:"kernel"`
}
