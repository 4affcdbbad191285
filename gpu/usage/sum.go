// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"slices"
	"time"

	"drydock/gpu"
)

// Summary is what there is to say of an attempt's use of one device. Sizes
// are bytes, and nil what is not known.
type Summary struct {
	Device
	Peak   *int64    `json:"memory_peak,omitempty"` // the attempt's, as far as it was looked at
	PeakAt time.Time `json:"memory_peak_at,omitzero"`
	// Others is what strangers had at that time.
	Others *int64   `json:"others,omitempty"`
	By     By       `json:"by,omitempty"`   // see Use.By
	Busy   *float64 `json:"busy,omitempty"` // the mean, 0 to 1
	XIDs   []int    `json:"xids,omitempty"` // in order, each once
}

// Sum sums the record up, device by device in the order of Devices.
func (r Record) Sum() []Summary {
	sums := make([]Summary, len(r.Devices))
	for i, d := range r.Devices {
		sums[i] = r.sum(d)
	}
	return sums
}

func (r Record) sum(d Device) Summary {
	sum := Summary{Device: d}
	var busy float64
	looks := 0
	for _, s := range r.Samples {
		for _, x := range s.XIDs {
			if slices.Contains(x.Of, d.ID) && !slices.Contains(sum.XIDs, x.Code) {
				sum.XIDs = append(sum.XIDs, x.Code)
			}
		}
		u, ok := s.of(d.ID)
		if !ok {
			continue
		}
		if u.Busy != nil {
			busy += *u.Busy
			looks++
		}
		if u.Memory != nil && (sum.Peak == nil || *u.Memory > *sum.Peak) {
			sum.Peak, sum.PeakAt, sum.Others, sum.By = u.Memory, s.Time, u.Others, u.By
		}
	}
	if looks > 0 {
		mean := busy / float64(looks)
		sum.Busy = &mean
	}
	return sum
}

// XIDs are the errors that concern the attempt's devices, each once, in order.
func (r Record) XIDs() []gpu.XID {
	var all []gpu.XID
	for _, s := range r.Samples {
		for _, x := range s.XIDs {
			known := func(y gpu.XID) bool { return y.GPU == x.GPU && y.Code == x.Code }
			if len(x.Of) > 0 && !slices.ContainsFunc(all, known) {
				all = append(all, x)
			}
		}
	}
	return all
}

// Problems are what kept the record from knowing more, each once.
func (r Record) Problems() []string {
	var all []string
	for _, s := range r.Samples {
		problems := []string{s.Problem}
		for _, u := range s.Devices {
			if u.Problem != "" {
				problems = append(problems, string(u.ID)+": "+u.Problem)
			}
		}
		for _, p := range problems {
			if p != "" && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
