// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/gpu/usage"
)

// Looks at devices come at times of their own: each belongs to the point after
// it, the fullest of several wins, and one after the end to the last point.
func TestLooksOnPoints(t *testing.T) {
	const gib = int64(1) << 30
	a := Attempt{Start: begun, Points: []Point{{At: 0}, {At: time.Second}, {At: 4 * time.Second}, {Kind: AtEnd, At: 5 * time.Second}}}
	at := func(seconds float64, memory int64) usage.Sample {
		return usage.Sample{Time: begun.Add(time.Duration(seconds * float64(time.Second))), Devices: []usage.Use{{ID: "GPU-0", Memory: &memory}}}
	}
	for _, s := range []usage.Sample{at(0.5, gib), at(1.5, 2*gib), at(2.5, 7*gib), at(3.5, 3*gib), at(6, 4*gib)} {
		a.lay(s.Time.Sub(a.Start), s)
	}
	var got []int64
	for _, p := range a.Points {
		got = append(got, gpuMemory(p.GPU)/gib)
	}
	if !slices.Equal(got, []int64{0, 1, 7, 4}) || a.Points[0].GPU != nil {
		t.Errorf("the points have %v GiB", got)
	}
}

// Of several devices each has a panel and a name; what cannot be read is said.
func TestSeveralGPUs(t *testing.T) {
	dir := t.TempDir()
	total, none := int64(8<<30), int64(0)
	r, err := usage.Create(dir, sceneID, []usage.Device{{ID: "GPU-0", Memory: &total, Baseline: &none}, {ID: "GPU-1", Memory: &total, Baseline: &none}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		used, other, busy := i<<30, 4*i<<28, 0.5
		look := gpu.Look{Time: begun.Add(time.Duration(i) * time.Second), Uses: []gpu.Use{{ID: "GPU-0", Used: &used, Busy: &busy}, {ID: "GPU-1", Used: &other}}}
		if i == 2 {
			look.Uses[1] = gpu.Use{ID: "GPU-1", Problem: "the GPU is lost"}
		}
		if _, err := r.Add(look); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	a := Attempt{Start: begun, Points: []Point{{At: 0}, {At: time.Second}, {At: 2 * time.Second}}}
	a.gpus(dir)
	var names []string
	for _, s := range a.strips() {
		names = append(names, s.name+": "+s.said())
	}
	want := []string{"GPU 0: at most 2 GiB, limit 8 GiB", "GPU 1: at most 1 GiB, limit 8 GiB", "GPU busy: at most 50 %"}
	if !slices.Equal(names, want) || !slices.Equal(a.Notes, []string{"of its devices: GPU-1: the GPU is lost"}) {
		t.Errorf("strips %q, notes %q", names, a.Notes)
	}
	if err := os.WriteFile(filepath.Join(dir, usage.File), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := Attempt{Start: begun}
	if b.gpus(dir); len(b.Notes) != 1 || !strings.HasPrefix(b.Notes[0], "what its devices were used for is not known: ") {
		t.Errorf("of a damaged record: %q", b.Notes)
	}
}
