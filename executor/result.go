// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"time"

	"drydock/gpu/usage"
	"drydock/resources"
	"drydock/sandbox"
)

// Class is a verdict: what the end of an attempt means. The set is closed and
// the words are architecture §7's.
type Class string

// The verdicts.
const (
	Succeeded     Class = "succeeded"
	Failed        Class = "failed"
	OOM           Class = "oom"
	Timeout       Class = "timeout"
	Aborted       Class = "aborted"
	Evicted       Class = "evicted"
	Shm           Class = "shm"
	StartFailed   Class = "start-failed"
	MachineMemory Class = "machine-memory"
	Interrupted   Class = "interrupted"
	Unknown       Class = "unknown"
	Refused       Class = "refused"
	Error         Class = "error"
)

// Kind tells whose failure it was; it decides which retries apply.
type Kind string

// Failure kinds, as Flyte's ExecutionError has them. Success has none.
const (
	KindUser   Kind = "user"
	KindSystem Kind = "system"
)

// Verdict is the meaning of one attempt's Outcome.
type Verdict struct {
	Class   Class      `json:"verdict"`
	Code    string     `json:"code,omitempty"` // limits-and-oom §3.4: OOMKilled, Error, …
	Kind    Kind       `json:"kind,omitempty"`
	Message string     `json:"message"` // one sentence
	Row     int        `json:"row"`     // of the verdict table
	Hints   []string   `json:"hints,omitempty"`
	OOM     *OOMReport `json:"oom,omitempty"`
}

// OOMReport is the evidence of an out-of-memory verdict. Sizes are bytes.
type OOMReport struct {
	Limit   int64              `json:"limit"`
	Peak    int64              `json:"peak"`
	Anon    int64              `json:"anon"`
	File    int64              `json:"file"`
	Shmem   int64              `json:"shmem"`
	Kernel  int64              `json:"kernel"`
	Main    bool               `json:"main"`
	Group   sandbox.GroupKill  `json:"group,omitempty"` // "": not known yet
	Victim  *sandbox.Victim    `json:"victim,omitempty"`
	Suggest resources.Quantity `json:"suggest,omitempty"` // "": nothing larger fits
	After   time.Duration      `json:"-"`                 // time into the attempt
	Seconds float64            `json:"seconds,omitempty"` // the same, for documents
	Cores   int                `json:"cores,omitempty"`
	Kills   int64              `json:"kills,omitempty"`
	// Evidence is "" where the kernel's own counters tell. With
	// sandbox.EvidenceEngine it is the engine's word; with EvidenceSample the
	// task is only probably out of memory.
	Evidence sandbox.Evidence `json:"evidence,omitempty"`
}

// Attempt is one try of a task.
type Attempt struct {
	Number int // from 1
	Demand resources.Demand
	// Accelerators are the devices that it had; nil: it asked for none.
	Accelerators *Accelerators
	StartedAt    time.Time // of the program; zero when it never ran
	EndedAt      time.Time
	Outcome      sandbox.Outcome
	Verdict      Verdict
	// GPU is what it used of its devices, as far as that was looked at.
	GPU []usage.Summary
	Dir string // on disk; "" when nothing was started
}

// Result is a task's end.
type Result struct {
	ID       string // ULID
	Task     Task
	Verdict  Verdict               // of the last attempt; of the task when it never had one
	Attempts []Attempt             // in order; empty when nothing was started
	Limits   []sandbox.Enforcement // how this machine held the last attempt's limits
	Warnings []resources.Warning   // what works and a person would regret, and what could not be recorded
	EndedAt  time.Time

	// Cause is what Run's error wraps: why the task was aborted, refused, or
	// why drydock itself gave up. Nil for ends of the task's own.
	Cause error
}

// last returns the last attempt, or nil.
func (r *Result) last() *Attempt {
	if len(r.Attempts) == 0 {
		return nil
	}
	return &r.Attempts[len(r.Attempts)-1]
}
