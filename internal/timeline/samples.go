// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"drydock/sandbox"
)

// maxSampleLine is far more than a sample takes.
const maxSampleLine = 64 << 10

// maxAmount bounds a size in a sample (1 EiB), so that sums of a few of them
// do not overflow.
const maxAmount = 1 << 60

// SampleFaults counts the lines of a samples file that were left out.
type SampleFaults struct {
	Damaged  int // no sample
	Backward int // older than the one before: the machine's clock was set back
}

// ReadSamples reads a samples file: a sandbox.Sample a line, in order. Lines
// that are none are counted and left out; a last line without its end is one
// that is being written, or that a crash tore, and is left out silently. The
// error is r's.
func ReadSamples(r io.Reader) ([]sandbox.Sample, SampleFaults, error) {
	var samples []sandbox.Sample
	var faults SampleFaults
	lines := bufio.NewReaderSize(r, maxSampleLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			faults.Damaged++
			if err := skipLine(lines); err != nil {
				return samples, faults, noEOF(err)
			}
			continue
		case err != nil:
			return samples, faults, noEOF(err)
		}
		s, err := parseSample(line)
		switch {
		case err != nil:
			faults.Damaged++
		case len(samples) > 0 && s.Time.Before(samples[len(samples)-1].Time):
			faults.Backward++
		default:
			samples = append(samples, s)
		}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func skipLine(r *bufio.Reader) error {
	for {
		_, err := r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func parseSample(line []byte) (sandbox.Sample, error) {
	var s sandbox.Sample
	if err := json.Unmarshal(line, &s); err != nil {
		return s, err
	}
	if s.Time.IsZero() {
		return s, errors.New("a sample without its time")
	}
	amounts := []int64{s.Memory}
	if s.Disk != nil {
		amounts = append(amounts, *s.Disk)
	}
	if b := s.Breakdown; b != nil {
		amounts = append(amounts, b.Anon, b.File, b.Shmem, b.Kernel)
	}
	for _, n := range amounts {
		if n < 0 || n > maxAmount {
			return s, fmt.Errorf("no amount of bytes: %d", n)
		}
	}
	seconds := []float64{s.CPUSeconds}
	if p := s.Pressure; p != nil {
		for _, stall := range []*sandbox.Stall{p.Memory, p.CPU} {
			if stall != nil {
				seconds = append(seconds, stall.Some, stall.Full)
			}
		}
	}
	for _, x := range seconds {
		if x < 0 || x > math.MaxInt64/1e9 { // of time.Duration
			return s, fmt.Errorf("no time: %g s", x)
		}
	}
	return s, nil
}
