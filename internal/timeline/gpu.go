// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/internal/report"
)

// gpus reads what the attempt's devices were used for and lays it over the
// points of time: a look belongs to the first point after it. Of several looks
// between two points the one counts that saw the most.
func (a *Attempt) gpus(dir string) {
	record, err := usage.Read(dir)
	if errors.Is(err, fs.ErrNotExist) { // it had none
		return
	}
	if err != nil {
		a.Notes = append(a.Notes, "what its devices were used for is not known: "+err.Error())
		return
	}
	a.GPU = record.Sum()
	for _, problem := range record.Problems() {
		a.Notes = append(a.Notes, "of its devices: "+problem)
	}
	if n := record.Damaged; n > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("left out of what its devices were used for, because damaged: %d", n))
	}
	for _, s := range record.Samples {
		at := max(0, s.Time.Sub(a.Start))
		for _, x := range s.XIDs {
			if len(x.Of) > 0 && !a.Start.IsZero() {
				a.Marks = append(a.Marks, Mark{MarkXID, at, a.xidText(x)})
			}
		}
		a.lay(at, s)
	}
	slices.SortStableFunc(a.Marks, func(x, y Mark) int { return cmp.Compare(x.At, y.At) })
}

func (a *Attempt) xidText(x gpu.XID) string {
	if len(a.GPU) > 1 {
		return fmt.Sprintf("%s: %s", x.GPU, x)
	}
	return x.String()
}

func (a *Attempt) lay(at time.Duration, s usage.Sample) {
	if len(s.Devices) == 0 || len(a.Points) == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(a.Points, at, func(p Point, at time.Duration) int { return cmp.Compare(p.At, at) })
	i = min(i, len(a.Points)-1) // the last look may come after the end
	if p := &a.Points[i]; p.GPU == nil || gpuMemory(s.Devices) >= gpuMemory(p.GPU) {
		p.GPU = s.Devices
	}
}

// gpuMemory is the attempt's on all its devices.
func gpuMemory(uses []usage.Use) int64 {
	var all int64
	for _, u := range uses {
		if u.Memory != nil {
			all += *u.Memory
		}
	}
	return all
}

// gpuTotal is the memory of all devices; 0 where one does not tell.
func gpuTotal(all []usage.Summary) int64 {
	var total int64
	for _, s := range all {
		if s.Memory == nil {
			return 0
		}
		total += *s.Memory
	}
	return total
}

// gpuBusy is how busy the devices were on average; false where none tells.
func gpuBusy(uses []usage.Use) (float64, bool) {
	var all float64
	n := 0
	for _, u := range uses {
		if u.Busy != nil {
			all += *u.Busy
			n++
		}
	}
	return all / float64(max(n, 1)), n > 0
}

// gpuStrips are one of memory for each device, and one of all for how busy they were.
func (a *Attempt) gpuStrips() []strip {
	var all []strip
	for i, d := range a.GPU {
		s := strip{
			name: gpuName(i, len(a.GPU)), title: "GPU memory used, " + report.OneLine(d.Device.String()), class: "gpu", ticks: sizeTicks,
			of:   func(p Point) (float64, bool) { return gpuMemoryOf(p, d.ID) },
			text: func(bytes float64) string { return report.Size(int64(bytes)) },
		}
		if d.Memory != nil {
			s.limit = float64(*d.Memory)
		}
		if d.Peak != nil {
			s.peak = float64(*d.Peak)
		}
		all = append(all, s)
	}
	busy := strip{name: "GPU busy", title: "GPU busy", class: "busy", text: percent, ticks: busyTicks,
		of: func(p Point) (float64, bool) { return gpuBusy(p.GPU) }}
	for _, p := range a.Points {
		if part, ok := gpuBusy(p.GPU); ok {
			busy.peak = max(busy.peak, part)
		}
	}
	if len(a.GPU) > 0 {
		all = append(all, busy)
	}
	return all
}

func gpuName(i, of int) string {
	if of == 1 {
		return "GPU"
	}
	return fmt.Sprintf("GPU %d", i)
}

func gpuMemoryOf(p Point, id gpu.ID) (float64, bool) {
	for _, u := range p.GPU {
		if u.ID == id && u.Memory != nil {
			return float64(*u.Memory), true
		}
	}
	return 0, false
}

func busyTicks(top float64, _ int) []tick {
	all := []tick{{0, "0"}, {0.5, "50 %"}, {1, "100 %"}}
	return slices.DeleteFunc(all, func(t tick) bool { return t.at > top })
}

// addGPUs adds what each device was used for.
func addGPUs(a *Attempt, add func(name, value, remark string)) {
	for i, s := range a.GPU {
		var remarks []string
		value := "not known"
		if s.Peak != nil {
			value = report.Size(*s.Peak)
			remarks = append(remarks, "at its fullest, of what looks saw")
		}
		if s.Memory != nil {
			value += " of " + report.Size(*s.Memory)
		}
		if s.Others != nil && *s.Others > 0 {
			remarks = append(remarks, "others had "+report.Size(*s.Others))
		}
		if s.Busy != nil {
			remarks = append(remarks, "busy "+percent(*s.Busy)+" of the time")
		}
		add(gpuName(i, len(a.GPU)), s.Device.String()+": "+value, strings.Join(remarks, ", "))
	}
}
