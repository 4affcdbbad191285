// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"io"
	"os"
	"time"

	"drydock/internal/timeline"
	"drydock/sandbox"
)

// Usage is what an attempt uses at a moment.
type Usage struct {
	Time   time.Time `json:"time"`
	Memory int64     `json:"memory"` // bytes, page cache included
	// Need is what of it cannot be given back: anon, shmem and kernel.
	Need       int64    `json:"need,omitempty"`
	CPUSeconds float64  `json:"cpu_seconds"`     // so far
	Cores      *float64 `json:"cores,omitempty"` // over the last moment; nil: not known
	Disk       *int64   `json:"disk,omitempty"`  // bytes, as last measured; nil: not limited, or not yet

	First time.Time `json:"-"` // the attempt's first sample
}

const (
	// tailBytes hold the samples of the last seconds, some 250 bytes each,
	// recentBytes those of a minute.
	tailBytes   = 8 << 10
	recentBytes = 64 << 10
	// rateWindow is the least time over which a rate is taken: the kernel
	// hands out a CPU limit in slices of 100 ms (as in package timeline).
	rateWindow = 200 * time.Millisecond
)

// LastUsage reads the end of a samples file; nil when there is no sample.
func LastUsage(path string) *Usage {
	samples, first := tail(path, tailBytes)
	if len(samples) == 0 {
		return nil
	}
	u := usage(samples)
	u.First = first
	return &u
}

// RecentUsage is what a samples file holds of the time from since on, in order.
func RecentUsage(path string, since time.Time) []Usage {
	samples, _ := tail(path, recentBytes)
	var recent []Usage
	for i := range samples {
		if !samples[i].Time.Before(since) {
			recent = append(recent, usage(samples[:i+1]))
		}
	}
	return recent
}

// tail reads the last samples of a file, and the time of its first.
func tail(path string, most int64) (samples []sandbox.Sample, first time.Time) {
	f, err := os.Open(path)
	if err != nil {
		return nil, first
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, first
	}
	from := max(0, info.Size()-most)
	text, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return nil, first
	}
	if from > 0 { // the first line is the rest of one
		_, text, _ = bytes.Cut(text, []byte{'\n'})
	}
	samples, _, err = timeline.ReadSamples(bytes.NewReader(text))
	if err != nil || len(samples) == 0 {
		return nil, first
	}
	if first = samples[0].Time; from > 0 {
		first = firstSample(f)
	}
	return samples, first
}

// usage is the last of samples, and the rate before it.
func usage(samples []sandbox.Sample) Usage {
	last := samples[len(samples)-1]
	u := Usage{Time: last.Time, Memory: last.Memory, CPUSeconds: last.CPUSeconds, Disk: last.Disk}
	if b := last.Breakdown; b != nil {
		u.Need = b.Anon + b.Shmem + b.Kernel
	}
	for i := len(samples) - 2; i >= 0; i-- {
		if took := last.Time.Sub(samples[i].Time); took >= rateWindow {
			cores := max(0, last.CPUSeconds-samples[i].CPUSeconds) / took.Seconds()
			u.Cores = &cores
			break
		}
	}
	return u
}

func firstSample(f *os.File) time.Time {
	head := make([]byte, tailBytes)
	n, _ := f.ReadAt(head, 0)
	samples, _, err := timeline.ReadSamples(bytes.NewReader(head[:n]))
	if err != nil || len(samples) == 0 {
		return time.Time{}
	}
	return samples[0].Time
}
