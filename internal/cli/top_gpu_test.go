// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"path/filepath"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/internal/history"
	"drydock/internal/top"
)

// A running task's devices are summed up, and those of a minute ago left out.
func TestTopGPU(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	none, total := int64(0), int64(80<<30)
	r, err := usage.Create(dir, "01ARZ3NDEKTSV4RRFFQ69G5FAV", []usage.Device{{ID: "GPU-0", Memory: &total, Baseline: &none}, {ID: "GPU-1", Memory: &total, Baseline: &none}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		one, two, busy := int64(i)<<30, int64(1)<<30, 0.5
		if _, err := r.Add(gpu.Look{Time: now.Add(time.Duration(i-99) * time.Second), Uses: []gpu.Use{{ID: "GPU-0", Used: &one, Busy: &busy}, {ID: "GPU-1", Used: &two}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var row top.Task
	topGPU(&row, &history.Attempt{Samples: filepath.Join(dir, "samples")}, now)
	if row.GPULimit != 2*total || *row.GPU != 100<<30 || *row.GPUBusy != 0.5 || len(row.RecentGPU) != 60 || row.RecentGPU[59].GPU != 100<<30 {
		t.Errorf("it is %+v, %d recent", row, len(row.RecentGPU))
	}
	var other top.Task
	if topGPU(&other, &history.Attempt{Samples: filepath.Join(t.TempDir(), "samples")}, now); other.GPU != nil || other.GPULimit != 0 {
		t.Errorf("without devices it is %+v", other)
	}
}
