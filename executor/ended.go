// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"time"

	"drydock/gpu/usage"
	"drydock/resources"
	"drydock/sandbox"
)

// EndedVersion is the version of the ended document. Fields are only added
// within one version.
const EndedVersion = 1

// Ended is the document that the last JSON line and --result hold. Sizes are
// bytes and durations seconds; what is not known is absent.
type Ended struct {
	Type    string    `json:"type"` // "ended"
	Version int       `json:"version"`
	Time    time.Time `json:"time"` // UTC
	ID      string    `json:"id,omitempty"`
	Name    string    `json:"name,omitempty"`    // the task's
	Attempt int       `json:"attempt,omitempty"` // the last one

	Class    Class  `json:"verdict"`
	Code     string `json:"code,omitempty"`
	Kind     Kind   `json:"kind,omitempty"`
	Message  string `json:"message"`
	ExitCode int    `json:"exit_code"` // what drydock run exits with
	Signal   string `json:"signal,omitempty"`
	Sandbox  string `json:"sandbox,omitempty"`
	Engine   string `json:"engine,omitempty"` // the container engine and its version

	Attempts []EndedAttempt        `json:"attempts,omitempty"`
	Limits   []sandbox.Enforcement `json:"limits,omitempty"`
	Warnings []resources.Warning   `json:"warnings,omitempty"`
	Hints    []string              `json:"hints,omitempty"` // only when there was no attempt to hold them
}

// EndedAttempt is one attempt in an Ended. ExitCode and Signal are the main
// process's own.
type EndedAttempt struct {
	Number       int              `json:"number"`
	Class        Class            `json:"verdict"`
	Code         string           `json:"code,omitempty"`
	Kind         Kind             `json:"kind,omitempty"`
	Message      string           `json:"message,omitempty"`
	ExitCode     *int             `json:"exit_code,omitempty"`
	Signal       string           `json:"signal,omitempty"`
	StartedAt    time.Time        `json:"started_at,omitzero"` // UTC
	Seconds      float64          `json:"seconds"`
	Resources    resources.Demand `json:"resources"`
	Accelerators *Accelerators    `json:"accelerators,omitempty"` // what it had of them
	Usage        *EndedUsage      `json:"usage,omitempty"`
	Disk         *sandbox.Disk    `json:"disk,omitempty"` // only with a limit on it
	OOM          *OOMReport       `json:"oom,omitempty"`
	Image        *sandbox.Image   `json:"image,omitempty"` // what it ran in
	// Evidence is whose word Class rests on: "engine", "sample"; absent: the
	// kernel's own counters.
	Evidence sandbox.Evidence `json:"evidence,omitempty"`
	Hints    []string         `json:"hints,omitempty"`
}

// EndedUsage is what an attempt used.
type EndedUsage struct {
	MemoryPeak int64   `json:"memory_peak,omitempty"`
	CPUSeconds float64 `json:"cpu_seconds"`
	// ShmPeak is the most of /dev/shm that was seen taken, in bytes.
	ShmPeak int64 `json:"shm_peak,omitempty"`
	// GPU is what it used of its devices, one by one.
	GPU []usage.Summary `json:"gpu,omitempty"`
}

// Document returns the result as the document that machines read.
func (r *Result) Document() Ended {
	d := Ended{
		Type: string(EventEnded), Version: EndedVersion, Time: r.EndedAt.UTC(), ID: r.ID, Name: r.Task.Name,
		Class: r.Verdict.Class, Code: r.Verdict.Code, Kind: r.Verdict.Kind, Message: r.Verdict.Message,
		ExitCode: ExitCode(r),
		Limits:   r.Limits,
		Warnings: r.Warnings,
	}
	for _, a := range r.Attempts {
		d.Attempts = append(d.Attempts, endedAttempt(a))
	}
	last := r.last()
	if last == nil {
		d.Hints = r.Verdict.Hints
		return d
	}
	d.Attempt = last.Number
	d.Sandbox, d.Engine = last.Outcome.Sandbox, last.Outcome.Engine
	if x := last.Outcome.Exit; x != nil {
		d.Signal = x.Signal
	}
	return d
}

func endedAttempt(a Attempt) EndedAttempt {
	v, o := a.Verdict, a.Outcome
	e := EndedAttempt{
		Number: a.Number, Class: v.Class, Code: v.Code, Kind: v.Kind, Message: v.Message,
		StartedAt: a.StartedAt.UTC(),
		Resources: a.Demand, Accelerators: a.Accelerators,
		OOM:   v.OOM,
		Image: o.Image,
		Disk:  o.Disk,
		Hints: v.Hints,
	}
	if o.Counters != nil {
		e.Evidence = o.Counters.Evidence
	}
	if !a.StartedAt.IsZero() && a.EndedAt.After(a.StartedAt) {
		e.Seconds = a.EndedAt.Sub(a.StartedAt).Seconds()
	}
	if o.Exit != nil {
		code := o.Exit.Code
		e.ExitCode, e.Signal = &code, o.Exit.Signal
	}
	if o.Counters != nil || o.Memory.Peak > 0 || o.CPUSeconds > 0 || len(a.GPU) > 0 {
		e.Usage = &EndedUsage{MemoryPeak: o.Memory.Peak, CPUSeconds: o.CPUSeconds, GPU: a.GPU}
		if o.Shm != nil {
			e.Usage.ShmPeak = o.Shm.Peak
		}
	}
	return e
}
