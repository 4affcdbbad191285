// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drydock/gpu"
)

// Record is what was recorded.
type Record struct {
	Devices []Device
	Samples []Sample // in order, those with a Problem or XIDs alone among them
	Damaged int      // lines that were left out
}

// mostLine bounds a line.
const mostLine = 1 << 20

// Read reads the record in an attempt's directory, also while it is written:
// a last line without its end is left out. Where there is none, as of an
// attempt without devices, the error wraps fs.ErrNotExist.
func Read(dir string) (Record, error) {
	path := filepath.Join(dir, File)
	f, err := os.Open(path)
	if err != nil {
		return Record{}, err
	}
	defer func() { _ = f.Close() }() // read only
	r, err := read(f)
	if err != nil {
		return r, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

// endBytes hold the samples of the last minute, some 300 bytes each.
const endBytes = 64 << 10

// ReadEnd is Read for the last samples alone, for who looks again and again.
func ReadEnd(dir string) (Record, error) {
	path := filepath.Join(dir, File)
	f, err := os.Open(path)
	if err != nil {
		return Record{}, err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return Record{}, err
	}
	if info.Size() <= 2*endBytes {
		return read(f)
	}
	first, err := bufio.NewReader(io.LimitReader(f, endBytes)).ReadBytes('\n')
	if err != nil {
		return Record{}, fmt.Errorf("read %s: %w", path, err)
	}
	rest := bufio.NewReader(io.NewSectionReader(f, info.Size()-endBytes, endBytes))
	if _, err := rest.ReadBytes('\n'); err != nil { // the rest of a line
		return Record{}, fmt.Errorf("read %s: %w", path, err)
	}
	return read(io.MultiReader(bytes.NewReader(first), rest))
}

func read(from io.Reader) (Record, error) {
	var r Record
	lines := bufio.NewReaderSize(from, 64<<10)
	first, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return r, err
	}
	var h head
	if json.Unmarshal(first, &h) != nil || h.Version < 1 {
		return r, errors.New("it does not begin with the attempt's devices")
	}
	if h.Version > version {
		return r, fmt.Errorf("it is of version %d and this drydock knows %d; use the drydock that wrote it", h.Version, version)
	}
	r.Devices = h.Devices
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		s, ok := parse(line)
		if !ok || len(r.Samples) > 0 && s.Time.Before(r.Samples[len(r.Samples)-1].Time.Add(-time.Minute)) {
			r.Damaged++
			continue
		}
		r.Samples = append(r.Samples, s)
	}
}

// parse reads a sample whose figures can be true.
func parse(line []byte) (Sample, bool) {
	var s Sample
	if len(line) > mostLine || json.Unmarshal(line, &s) != nil || s.Time.IsZero() {
		return s, false
	}
	for _, u := range s.Devices {
		for _, n := range []*int64{u.Memory, u.Used, u.Others} {
			if n != nil && (*n < 0 || *n > 1<<60) { // an exbibyte
				return s, false
			}
		}
		if b := u.Busy; b != nil && !(*b >= 0 && *b <= 1) {
			return s, false
		}
	}
	return s, true
}

// Last is the newest use of each device, in the order of Devices; of one that
// was never read only the ID is set.
func (r Record) Last() []Use {
	uses := make([]Use, len(r.Devices))
	for i, d := range r.Devices {
		uses[i] = Use{ID: d.ID}
		for j := len(r.Samples) - 1; j >= 0; j-- {
			if u, ok := r.Samples[j].of(d.ID); ok {
				uses[i] = u
				break
			}
		}
	}
	return uses
}

func (s Sample) of(id gpu.ID) (Use, bool) {
	for _, u := range s.Devices {
		if u.ID == id {
			return u, true
		}
	}
	return Use{}, false
}
