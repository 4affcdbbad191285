// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"encoding/json"
	"io"
	"time"

	"drydock/executor"
	"drydock/gpu/usage"
	"drydock/sandbox"
)

// DocumentVersion is the version of the JSON document. Fields are only added
// within one version.
const DocumentVersion = 1

// document is a report for programs: sizes in bytes, times in seconds since
// the attempt's start, shares of time from 0 to 1; what is not known is absent.
type document struct {
	Type    string    `json:"type"` // "report"
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Command []string  `json:"command,omitempty"`
	Image   string    `json:"image,omitempty"`
	WorkDir string    `json:"work_dir,omitempty"`
	Profile string    `json:"profile,omitempty"`
	Begun   time.Time `json:"begun,omitzero"` // UTC
	Ended   bool      `json:"ended"`          // the task's end is recorded; then follows its verdict

	Class    executor.Class `json:"verdict,omitempty"`
	Code     string         `json:"code,omitempty"`
	Kind     executor.Kind  `json:"kind,omitempty"`
	Message  string         `json:"message,omitempty"`
	ExitCode *int           `json:"exit_code,omitempty"` // of drydock run
	Hints    []string       `json:"hints,omitempty"`     // only when there was no attempt to hold them

	Attempts []attemptDocument `json:"attempts"`
	Notes    []string          `json:"notes,omitempty"` // what is missing, and why
}

// attemptDocument is what the ended document says of an attempt, and how it
// came to that.
type attemptDocument struct {
	executor.EndedAttempt
	Class executor.Class `json:"verdict,omitempty"` // absent while there is none

	State         State                 `json:"state"`
	EndedAt       time.Time             `json:"ended_at,omitzero"` // UTC
	MemoryLimit   int64                 `json:"memory_limit,omitempty"`
	MemoryRequest int64                 `json:"memory_request,omitempty"`
	MemoryPeak    int64                 `json:"memory_peak,omitempty"`
	CPULimit      float64               `json:"cpu_limit,omitempty"` // cores
	DiskLimit     int64                 `json:"disk_limit,omitempty"`
	DiskPeak      int64                 `json:"disk_peak,omitempty"` // the most that a look saw
	Limits        []sandbox.Enforcement `json:"limits,omitempty"`
	Events        []eventDocument       `json:"events,omitempty"`
	Samples       []pointDocument       `json:"samples,omitempty"`
	Tail          string                `json:"tail,omitempty"` // the last lines of its output
	Notes         []string              `json:"notes,omitempty"`
}

type eventDocument struct {
	Type    MarkKind `json:"type"`
	Seconds float64  `json:"seconds"`
	Text    string   `json:"text"`
}

// pointDocument is a point of the timeline. The names are those of the CSV's
// columns as well.
type pointDocument struct {
	Type    PointKind `json:"type"`
	Seconds float64   `json:"seconds"`
	Memory  *int64    `json:"memory,omitempty"`
	*sandbox.Breakdown
	CPUSeconds float64  `json:"cpu_seconds"`
	Cores      *float64 `json:"cores,omitempty"`
	MemorySome *float64 `json:"memory_some,omitempty"`
	MemoryFull *float64 `json:"memory_full,omitempty"`
	CPUSome    *float64 `json:"cpu_some,omitempty"`
	CPUFull    *float64 `json:"cpu_full,omitempty"`
	Disk       *int64   `json:"disk,omitempty"`
	// GPU is what the devices were used for at the look before; absent where
	// there was none since the sample before.
	GPU []usage.Use `json:"gpu,omitempty"`
}

func writeJSON(w io.Writer, r *Report, _ Options) error {
	d := document{
		Type: "report", Version: DocumentVersion, ID: r.ID, Name: r.Task.Name, Command: r.Task.Command,
		Image: r.Task.Image, WorkDir: r.Task.WorkDir, Profile: r.Profile, Begun: r.Begun.UTC(), Notes: r.Notes,
		Attempts: []attemptDocument{},
	}
	if r.Result != nil {
		ended := r.Result.Document()
		d.Ended, d.Class, d.Code, d.Kind, d.Message, d.Hints = true, ended.Class, ended.Code, ended.Kind, ended.Message, ended.Hints
		d.ExitCode = &ended.ExitCode
	}
	for i := range r.Attempts {
		d.Attempts = append(d.Attempts, documentOf(&r.Attempts[i]))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}

func documentOf(a *Attempt) attemptDocument {
	peak, _, _ := a.Peak()
	diskPeak, _, _ := a.PeakDisk()
	d := attemptDocument{
		EndedAttempt: a.ended(), State: a.State, EndedAt: a.End.UTC(),
		MemoryLimit: a.MemoryLimit, MemoryRequest: a.MemoryRequest, MemoryPeak: peak, CPULimit: a.CPULimit,
		DiskLimit: a.DiskLimit, DiskPeak: diskPeak,
		Limits: a.Limits, Tail: a.Tail, Notes: a.Notes,
	}
	d.Class = d.EndedAttempt.Class
	d.Seconds = a.Duration().Seconds()
	for _, m := range a.Marks {
		d.Events = append(d.Events, eventDocument{m.Kind, m.At.Seconds(), m.Text})
	}
	for _, p := range a.Points {
		d.Samples = append(d.Samples, pointOf(p))
	}
	return d
}

// ended is the attempt as the ended document has it.
func (a *Attempt) ended() executor.EndedAttempt {
	x := executor.Attempt{Number: a.Number, Demand: a.Demand, StartedAt: a.Start, EndedAt: a.End, GPU: a.GPU}
	if a.Outcome != nil {
		x.Outcome = *a.Outcome
	}
	if a.Verdict != nil {
		x.Verdict = *a.Verdict
	}
	return (&executor.Result{Attempts: []executor.Attempt{x}}).Document().Attempts[0]
}

func pointOf(p Point) pointDocument {
	d := pointDocument{Type: p.Kind, Seconds: p.At.Seconds(), Breakdown: p.Breakdown, CPUSeconds: p.CPUSeconds, Disk: p.Disk, GPU: p.GPU}
	if p.Kind != AtEnd {
		d.Memory = &p.Memory
	}
	if r := p.Rates; r != nil {
		d.Cores = &r.Cores
		if r.Memory != nil {
			d.MemorySome, d.MemoryFull = &r.Memory.Some, &r.Memory.Full
		}
		if r.CPU != nil {
			d.CPUSome, d.CPUFull = &r.CPU.Some, &r.CPU.Full
		}
	}
	return d
}
