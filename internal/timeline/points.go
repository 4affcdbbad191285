// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"slices"
	"time"

	"drydock/executor"
	"drydock/sandbox"
)

// rateWindow is the least time over which a rate is taken. The kernel hands
// out a CPU limit in slices of 100 ms: over less than two of them a program at
// a limit of one core seems to use two, and then none.
const rateWindow = 200 * time.Millisecond

// points makes the timeline of what was sampled and what the outcome says.
func points(start time.Time, samples []sandbox.Sample, o *sandbox.Outcome, v *executor.Verdict) []Point {
	all := make([]Point, 0, len(samples)+2)
	stalls := make([]*sandbox.Pressure, 0, len(samples))
	for _, s := range samples {
		at := s.Time.Sub(start)
		if at < 0 { // the clock was set back at the start
			continue
		}
		all = append(all, Point{Kind: Sampled, At: at, Memory: s.Memory, Breakdown: s.Breakdown, CPUSeconds: s.CPUSeconds, Disk: s.Disk})
		stalls = append(stalls, s.Pressure)
	}
	rates(all, stalls)
	if o == nil || o.StartedAt.IsZero() {
		return all
	}
	if p, ok := atOOM(o, v); ok {
		all = insert(all, p)
	}
	if p, ok := atEnd(o, all); ok {
		all = append(all, p)
	}
	return all
}

// rates fills in what happened between points.
func rates(all []Point, stalls []*sandbox.Pressure) {
	from := 0
	for i := 1; i < len(all); i++ {
		for from+1 < i && all[i].At-all[from+1].At >= rateWindow {
			from++
		}
		took := (all[i].At - all[from].At).Seconds()
		if took <= 0 {
			continue
		}
		r := &Rates{Cores: max(0, all[i].CPUSeconds-all[from].CPUSeconds) / took}
		if before, now := stalls[from], stalls[i]; before != nil && now != nil {
			r.Memory, r.CPU = share(before.Memory, now.Memory, took), share(before.CPU, now.CPU, took)
		}
		all[i].Rates = r
	}
}

// share is the part of the time that was waited. The kernel's totals may run
// a little ahead of our clock.
func share(before, now *sandbox.Stall, took float64) *sandbox.Stall {
	if before == nil || now == nil {
		return nil
	}
	part := func(before, now float64) float64 { return min(1, max(0, now-before)/took) }
	return &sandbox.Stall{Some: part(before.Some, now.Some), Full: part(before.Full, now.Full)}
}

// atOOM is the moment of the first out-of-memory kill. At the task's own limit
// its memory was the peak; with another's shortage only the split is known.
func atOOM(o *sandbox.Outcome, v *executor.Verdict) (Point, bool) {
	if o.KillSeenAt.IsZero() || o.KillSeenAt.Before(o.StartedAt) {
		return Point{}, false
	}
	p := Point{Kind: AtOOM, At: o.KillSeenAt.Sub(o.StartedAt), Breakdown: o.Memory.Last, Memory: sum(o.Memory.Last)}
	if v != nil && v.OOM != nil {
		p.Memory = max(p.Memory, min(o.Memory.Peak, o.Memory.Limit))
	}
	return p, p.Memory > 0
}

func sum(b *sandbox.Breakdown) int64 {
	if b == nil {
		return 0
	}
	return b.Anon + b.File + b.Shmem + b.Kernel
}

// insert puts the kill into its place. It may have been noticed after its
// effect was sampled: then it goes before those samples.
func insert(all []Point, p Point) []Point {
	i := slices.IndexFunc(all, func(q Point) bool { return q.At > p.At })
	if i < 0 {
		i = len(all)
	}
	for i > 1 && p.At-all[i-1].At < noticed && all[i-1].Memory < min(p.Memory, all[i-2].Memory)/2 {
		i--
		p.At = all[i].At
	}
	if i > 0 {
		p.CPUSeconds, p.Disk = all[i-1].CPUSeconds, all[i-1].Disk
	}
	return slices.Insert(all, i, p)
}

// noticed is how long after it a kill is noticed at the latest.
const noticed = 30 * time.Millisecond

// atEnd is the last count of CPU time, and the last look at the disk.
func atEnd(o *sandbox.Outcome, all []Point) (Point, bool) {
	if o.EndedAt.IsZero() || o.CPUSeconds <= 0 {
		return Point{}, false
	}
	p := Point{Kind: AtEnd, At: o.EndedAt.Sub(o.StartedAt), CPUSeconds: o.CPUSeconds}
	if o.Disk != nil {
		p.Disk = &o.Disk.Used
	}
	if n := len(all); n > 0 && all[n-1].At > p.At {
		p.At = all[n-1].At
	}
	from := Point{}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == Sampled {
			from = all[i]
			if p.At-from.At >= rateWindow {
				break
			}
		}
	}
	if took := (p.At - from.At).Seconds(); took > 0 {
		p.Rates = &Rates{Cores: max(0, p.CPUSeconds-from.CPUSeconds) / took}
	}
	return p, true
}
