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
	Pressure   *Pressure  `json:"pressure,omitempty"` // nil: this machine does not count it for the attempt
	Disk       *int64     `json:"disk,omitempty"`     // as last measured; nil: not limited, or not measured
}

// Pressure is for how long the attempt's own processes have waited for
// something that they lacked: the kernel's pressure stall totals of its
// cgroup (PSI, Linux 4.20), which only grow. A nil part is not counted here.
type Pressure struct {
	Memory *Stall `json:"memory,omitempty"` // for memory: reclaim, refaults
	CPU    *Stall `json:"cpu,omitempty"`    // for a CPU, throttling by the limit included
}

// Stall is time waited, in seconds since the cgroup was made.
type Stall struct {
	Some float64 `json:"some"` // at least one process waited
	Full float64 `json:"full"` // none that could have run did; 0 for CPU before Linux 5.13
}

// Breakdown splits a cgroup's memory. Sizes are bytes. File includes Shmem on
// neither cgroup version here: Anon + File + Shmem + Kernel is about the usage.
type Breakdown struct {
	Anon   int64 `json:"anon"`
	File   int64 `json:"file"`
	Shmem  int64 `json:"shmem"`
	Kernel int64 `json:"kernel"`
}
