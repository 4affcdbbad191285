// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"drydock/executor"
	"drydock/sandbox"
)

// Names in an attempt's directory that the sandbox gives (state.Dir).
const (
	samplesFile = "samples"
	logFile     = "log"
)

// Loader reads Reports.
type Loader struct {
	StateDir string
	// Alive reports whether the supervisor of the attempt in a directory
	// lives; nil: nobody can tell, and an attempt without an outcome is Lost.
	Alive func(dir string) bool
}

// Load reads what is known of a task, of all its attempts. An id that no task
// has gives an error that wraps fs.ErrNotExist. What is missing or damaged is
// no error: the report's notes say so.
func (l Loader) Load(id string) (*Report, error) {
	rec, err := executor.ReadRecorded(l.StateDir, id)
	if err != nil {
		return nil, err
	}
	r := &Report{ID: rec.ID, Task: rec.Task, Begun: rec.Begun, Profile: rec.Profile, Result: rec.Result}
	for _, problem := range rec.Problems {
		r.Notes = append(r.Notes, problem.Error())
	}
	for _, a := range rec.Attempts {
		r.Attempts = append(r.Attempts, l.attempt(a))
	}
	if r.Result == nil && !slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.State == Running }) {
		r.Notes = append(r.Notes, "the end of the task is not recorded: drydock is about to do it, waits for room, or was killed")
	}
	return r, nil
}

func (l Loader) attempt(rec executor.RecordedAttempt) Attempt {
	a := Attempt{Number: rec.Number, State: Ended, Demand: rec.Demand, Limits: rec.Enforcement}
	if rec.HasVerdict {
		a.Verdict = &rec.Verdict
	}
	switch {
	case rec.HasOutcome:
		a.Outcome, a.Start, a.End = &rec.Outcome, rec.StartedAt, rec.EndedAt
	case l.Alive != nil && l.Alive(rec.Dir):
		a.State = Running
		a.Notes = append(a.Notes, "it runs: this is how far it has come")
	default:
		a.State = Lost
		a.Notes = append(a.Notes, "its supervisor left no outcome: it was killed, or the machine went down; only what was written before is known")
	}
	if why := rec.Accelerators.Without(); why != "" {
		a.Notes = append(a.Notes, "gpu: "+why)
	}
	a.limit(rec.Limits)
	a.timeline(rec.Dir)
	a.gpus(rec.Dir)
	a.tail(rec.Dir)
	return a
}

// limit finds the numbers that are drawn. What the kernel said at the end
// beats what it was told.
func (a *Attempt) limit(told sandbox.Limits) {
	a.MemoryLimit, a.MemoryRequest, a.DiskLimit = told.Memory, a.Demand.Memory.RequestBytes(), told.Disk
	if a.Outcome != nil && a.Outcome.Memory.Limit > 0 {
		a.MemoryLimit = a.Outcome.Memory.Limit
	}
	if told.CPUQuota > 0 && told.CPUPeriod > 0 {
		a.CPULimit = float64(told.CPUQuota) / float64(told.CPUPeriod)
	}
}

// timeline reads the samples and lays out what happened.
func (a *Attempt) timeline(dir string) {
	samples, faults, err := readSamplesFile(filepath.Join(dir, samplesFile))
	ran := a.Outcome == nil || a.Outcome.StartError == nil
	switch {
	case errors.Is(err, fs.ErrNotExist) && ran:
		a.Notes = append(a.Notes, "there are no samples: memory and CPU over time are not known")
	case err != nil && ran:
		a.Notes = append(a.Notes, "the samples cannot be read: "+err.Error())
	case len(samples) == 0 && ran:
		a.Notes = append(a.Notes, "it ended before the first sample was taken")
	case !slices.ContainsFunc(samples, func(s sandbox.Sample) bool { return s.Pressure != nil }) && ran:
		a.Notes = append(a.Notes, "waiting for memory and CPU is not known: this kernel does not count it for the attempt (PSI needs a cgroup2 mount and psi=1)")
	}
	if n := faults.Damaged; n > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("left out of the samples, because damaged: %d", n))
	}
	if n := faults.Backward; n > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("left out of the samples, because the machine's clock was set back: %d", n))
	}
	if a.Start.IsZero() && ran && len(samples) > 0 {
		a.Start = samples[0].Time
		a.Notes = append(a.Notes, "the time counts from the first sample, up to 50 ms after the start")
	}
	a.Points = points(a.Start, samples, a.Outcome, a.Verdict)
	a.Marks = marks(a.Outcome, a.Verdict)
}

func readSamplesFile(path string) ([]sandbox.Sample, SampleFaults, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, SampleFaults{}, err
	}
	defer func() { _ = f.Close() }() // read only
	return ReadSamples(f)
}

func (a *Attempt) tail(dir string) {
	text := ""
	if a.Outcome != nil {
		text = a.Outcome.Tail
	} else {
		var err error
		if text, err = logTail(filepath.Join(dir, logFile)); err != nil {
			a.Notes = append(a.Notes, "the log cannot be read: "+err.Error())
		}
	}
	a.Tail = cleanTail(text)
}
