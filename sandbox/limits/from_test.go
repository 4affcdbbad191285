// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"testing"

	"drydock/resources"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
)

func allot(request, limit string) resources.Allotment {
	return resources.Allotment{Request: resource.MustParse(request), Limit: resource.MustParse(limit)}
}

// base is a task that asks for one CPU and 64 MiB, and what the kernel gets.
func base() (resources.Demand, Limits) {
	return resources.Demand{CPU: allot("1", "1"), Memory: allot("64Mi", "64Mi")}, Limits{
		CPUShares: 1024, CPUQuota: 100_000, CPUPeriod: 100_000,
		Memory: 64 << 20, GroupKill: true, ShmSize: 64 << 20,
		Pids: 32768, OOMScoreAdj: 500, NoFile: 1 << 20,
	}
}

func TestFrom(t *testing.T) {
	for _, tc := range []struct {
		name   string
		opts   Options
		demand func(*resources.Demand)
		want   func(*Limits)
	}{
		{name: "one CPU, 64Mi"},
		{
			name:   "no CPU request: shares from the limit",
			demand: func(d *resources.Demand) { d.CPU = allot("0", "500m") },
			want:   func(l *Limits) { l.CPUShares, l.CPUQuota = 512, 50_000 },
		},
		{
			name:   "no CPU at all: two shares, no quota",
			demand: func(d *resources.Demand) { d.CPU = allot("0", "0") },
			want:   func(l *Limits) { l.CPUShares, l.CPUQuota = 2, 0 },
		},
		{
			name:   "a pair: request for shares, limit for quota",
			demand: func(d *resources.Demand) { d.CPU = allot("250m", "4") },
			want:   func(l *Limits) { l.CPUShares, l.CPUQuota = 256, 400_000 },
		},
		{
			name:   "memory is rounded down to a page",
			demand: func(d *resources.Demand) { d.Memory = allot("100M", "100M") },
			want:   func(l *Limits) { l.Memory = 99999744 },
		},
		{
			name:   "a larger page",
			opts:   Options{PageSize: 65536},
			demand: func(d *resources.Demand) { d.Memory = allot("100M", "100M") },
			want:   func(l *Limits) { l.Memory = 99942400 },
		},
		{
			name:   "less than a page is a page, not no limit",
			demand: func(d *resources.Demand) { d.Memory = allot("64", "64") },
			want:   func(l *Limits) { l.Memory = 4096 },
		},
		{
			name: "single process kill",
			opts: Options{SingleProcessOOMKill: true},
			want: func(l *Limits) { l.GroupKill = false },
		},
		{
			name:   "the default /dev/shm does not know the memory limit",
			demand: func(d *resources.Demand) { d.Memory = allot("32Mi", "32Mi") },
			want:   func(l *Limits) { l.Memory = 32 << 20 },
		},
		{
			name:   "shm as asked",
			demand: func(d *resources.Demand) { d.Shm = &resources.ShmDemand{Size: 16 << 20} },
			want:   func(l *Limits) { l.ShmSize = 16 << 20 },
		},
		{
			name:   "shm of no whole number of pages",
			demand: func(d *resources.Demand) { d.Shm = &resources.ShmDemand{Size: 1_000_000} },
			want:   func(l *Limits) { l.ShmSize = 1003520 },
		},
		{
			name: "shm auto is the memory limit",
			demand: func(d *resources.Demand) {
				d.Memory, d.Shm = allot("64Mi", "128Mi"), &resources.ShmDemand{Auto: true}
			},
			want: func(l *Limits) { l.Memory, l.ShmSize = 128<<20, 128<<20 },
		},
		{
			name:   "shm above the memory limit is clamped and remembered",
			demand: func(d *resources.Demand) { d.Shm = &resources.ShmDemand{Size: 200 << 20} },
			want:   func(l *Limits) { l.ShmClamped = 200 << 20 },
		},
		{
			name:   "disk is passed on",
			demand: func(d *resources.Demand) { a := allot("10Gi", "10Gi"); d.Disk = &a },
			want:   func(l *Limits) { l.Disk = 10 << 30 },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			demand, want := base()
			if tc.demand != nil {
				tc.demand(&demand)
			}
			if tc.want != nil {
				tc.want(&want)
			}
			got := From(demand, tc.opts)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
}
