// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drydock/gpu"
)

// The record of a long attempt stays small: after so many samples a line
// stands for twice as long as before, with the look that had the most memory.
const (
	thinEvery = 4096
	mostThin  = 16
)

// Recorder writes a record. One goroutine uses it.
type Recorder struct {
	Devices []Device

	f       *os.File
	owner   *owner
	every   time.Duration
	written int
	last    time.Time // of the last line with a sample
	pending *Sample
	heard   map[heard]time.Time // when each error was recorded last
	problem string              // that has lasted since it was recorded
}

// heard is an error of a GPU's.
type heard struct {
	gpu  gpu.ID
	code int
}

// Create begins the record of a task's attempt in its directory dir. Samples
// come in at every.
func Create(dir, task string, devices []Device, every time.Duration) (*Recorder, error) {
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record the use of devices: %w", err)
	}
	r := &Recorder{Devices: devices, f: f, owner: newOwner(task, devices), every: every}
	if err := r.line(head{Version: version, Time: time.Now().UTC(), Devices: devices}); err != nil {
		return nil, fmt.Errorf("record the use of devices: %w", err)
	}
	return r, nil
}

// Open goes on with a record that another process began, and maybe left in
// the middle of a line. Where there is none the error wraps fs.ErrNotExist.
func Open(dir, task string, every time.Duration) (*Recorder, error) {
	known, err := Read(dir)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record the use of devices: %w", err)
	}
	r := &Recorder{Devices: known.Devices, f: f, owner: newOwner(task, known.Devices), every: every, written: len(known.Samples)}
	if err := r.endLine(); err != nil {
		return nil, fmt.Errorf("record the use of devices: %w", err)
	}
	return r, nil
}

// endLine ends what a crash tore.
func (r *Recorder) endLine() error {
	size, err := r.f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := r.f.ReadAt(last, size-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = r.f.Write([]byte{'\n'})
	}
	return err
}

// Add records a look, and returns what it says of the attempt; nothing where
// that was just said.
func (r *Recorder) Add(l gpu.Look) (Sample, error) {
	s := Sample{Time: l.Time.UTC(), XIDs: r.news(l), Problem: r.trouble(l)}
	for _, u := range l.Uses {
		s.Devices = append(s.Devices, r.owner.use(u))
	}
	if s.Empty() {
		return s, nil
	}
	if len(s.Devices) == 0 { // an error, or a problem: never left out
		return s, r.line(s)
	}
	if r.pending == nil || s.memory() >= r.pending.memory() {
		r.pending = &s
	}
	// half an interval early: looks are never exactly so far apart
	if s.Time.Sub(r.last) < r.pause()-r.every/2 {
		return s, nil
	}
	return s, r.flush(s.Time)
}

// news are the errors that were not recorded a moment ago: a program may have
// its GPU report the same one many times a second.
func (r *Recorder) news(l gpu.Look) []gpu.XID {
	var fresh []gpu.XID
	for _, x := range l.XIDs {
		key := heard{x.GPU, x.Code}
		if last, told := r.heard[key]; told && l.Time.Sub(last) < r.pause() {
			continue
		}
		if r.heard == nil {
			r.heard = map[heard]time.Time{}
		}
		r.heard[key] = l.Time
		fresh = append(fresh, x)
	}
	return fresh
}

// trouble is a look's problem, unless nothing has been seen since it was
// recorded: a driver that is gone for days says the same every few seconds.
func (r *Recorder) trouble(l gpu.Look) string {
	switch {
	case l.Problem == r.problem:
		return ""
	case l.Problem != "" || len(l.Uses) > 0:
		r.problem = l.Problem
	}
	return l.Problem
}

func (r *Recorder) pause() time.Duration { return r.every << min(r.written/thinEvery, mostThin) }

func (r *Recorder) flush(at time.Time) error {
	if r.pending == nil {
		return nil
	}
	s := *r.pending
	r.pending, r.last = nil, at
	r.written++
	return r.line(s)
}

// Close ends the record.
func (r *Recorder) Close() error {
	err := r.flush(time.Now())
	if e := r.f.Close(); err == nil {
		err = e
	}
	return err
}

// line is one write, so that two who write at a time do not mix.
func (r *Recorder) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = r.f.Write(append(text, '\n'))
	return err
}
