// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"drydock/gpu"
)

const (
	gib  = int64(1) << 30
	task = "01M8BSZ23RDZBS092ZMWJQ8SXB"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }

func amount(n float64) *int64 {
	b := int64(n * float64(gib))
	return &b
}

// mine, stranger and hidden are processes as discover.Watch tells them.
func mine(memory *int64) gpu.Process {
	uid := 0
	return gpu.Process{PID: 1, Task: task, UID: &uid, Memory: memory}
}

func stranger(memory *int64) gpu.Process {
	uid := 1001
	return gpu.Process{PID: 2, UID: &uid, Memory: memory}
}

func hidden(memory *int64) gpu.Process { return gpu.Process{PID: 3, Memory: memory} }

// What of a device's use is the attempt's, by all that is told of it.
func TestOwn(t *testing.T) {
	for _, c := range []struct {
		name           string
		baseline, used *int64
		processes      []gpu.Process
		memory, others *int64
		by             By
	}{
		{"its processes", amount(0), amount(31), []gpu.Process{mine(amount(20)), mine(amount(10)), stranger(amount(0.5))}, amount(30), amount(0.5), ByProcesses},
		{"nobody else", amount(0), amount(20), []gpu.Process{mine(amount(19))}, amount(19), amount(0), ByProcesses},
		{"before it begins", amount(0), amount(0), nil, amount(0), nil, ByDevice},
		{"in another pid namespace", amount(1), amount(21), []gpu.Process{hidden(amount(20))}, amount(20), amount(0), ByDevice},
		{"left out of the list", amount(1), amount(21), nil, amount(20), amount(1), ByDevice},
		{"memory not told", amount(1), amount(21), []gpu.Process{mine(nil), stranger(amount(1))}, amount(20), amount(1), ByDevice},
		{"a stranger who came later", amount(0), amount(30), []gpu.Process{hidden(nil), stranger(amount(12))}, amount(18), amount(12), ByDevice},
		{"less than before", amount(5), amount(4), nil, amount(0), amount(5), ByDevice},
		{"a baseline nobody knew", nil, amount(7), nil, amount(0), amount(7), ByDevice},
		{"unified memory", nil, nil, []gpu.Process{mine(amount(3))}, amount(3), amount(0), ByProcesses},
		{"nothing told", nil, nil, nil, nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOwner(task, []Device{{ID: "GPU-0", Baseline: c.baseline}})
			got := o.use(gpu.Use{ID: "GPU-0", Used: c.used, Processes: c.processes})
			if !same(got.Memory, c.memory) || !same(got.Others, c.others) || got.By != c.by {
				t.Errorf("memory %v, others %v, by %q; want %v, %v, %q", show(got.Memory), show(got.Others), got.By, show(c.memory), show(c.others), c.by)
			}
		})
	}
}

func same(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func show(n *int64) any {
	if n == nil {
		return "unknown"
	}
	return *n
}

func look(seconds float64, used *int64, xids ...gpu.XID) gpu.Look {
	busy := 0.5
	return gpu.Look{Time: at(seconds), Uses: []gpu.Use{{ID: "GPU-0", Used: used, Busy: &busy}}, XIDs: xids}
}

func add(t *testing.T, r *Recorder, looks ...gpu.Look) {
	t.Helper()
	for _, l := range looks {
		if _, err := r.Add(l); err != nil {
			t.Fatal(err)
		}
	}
}

// A record outlives its writer, who may be killed in the middle of a line, and
// another goes on: with the baseline of the first.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	inv := gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-0", Type: "H100", Name: "NVIDIA H100 80GB HBM3", Memory: amount(80), Used: amount(1)}}}
	first, err := Create(dir, task, Of(inv, []gpu.ID{"GPU-0"}), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	add(t, first, look(0, amount(1)), look(1, amount(41)))
	add(t, first, gpu.Look{Time: at(1.5), XIDs: []gpu.XID{{GPU: "GPU-0", Code: 31, Of: []gpu.ID{"GPU-0"}}}})
	if _, err := first.f.Write([]byte(`{"time":"2026-03-01T12:00:0`)); err != nil { // killed
		t.Fatal(err)
	}
	if r, err := Read(dir); err != nil || len(r.Samples) != 3 || r.Damaged != 0 {
		t.Errorf("while it is written: %+v, %v", r, err)
	}
	second, err := Open(dir, task, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	add(t, second, look(10, amount(71)), look(11, amount(11)))
	add(t, second, gpu.Look{Time: at(11.5), Problem: "nobody answers"})
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil || r.Damaged != 1 {
		t.Fatalf("%d lines are damaged, want the torn one: %v", r.Damaged, err)
	}
	sum := r.Sum()[0]
	if sum.Type != "H100" || *sum.Memory != 80*gib || *sum.Peak != 70*gib || !sum.PeakAt.Equal(at(10)) || *sum.Others != gib || *sum.Busy != 0.5 || !slices.Equal(sum.XIDs, []int{31}) {
		t.Errorf("it sums up to %+v", sum)
	}
	if last := r.Last(); len(last) != 1 || *last[0].Memory != 10*gib {
		t.Errorf("the last use is %+v", last)
	}
	if !slices.Equal(r.Problems(), []string{"nobody answers"}) || len(r.XIDs()) != 1 {
		t.Errorf("problems %q, errors %v", r.Problems(), r.XIDs())
	}
	if _, err := Create(dir, task, nil, time.Second); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second begin: %v", err)
	}
}

// A long record is thinned, and keeps its peaks.
func TestThin(t *testing.T) {
	dir := t.TempDir()
	r, err := Create(dir, task, []Device{{ID: "GPU-0", Baseline: amount(0)}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	const looks = 6 * thinEvery
	for i := range looks {
		used := amount(1)
		if i == looks-thinEvery+1 {
			used = amount(9)
		}
		add(t, r, look(float64(i), used))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Samples); n < 2*thinEvery || n > 3*thinEvery {
		t.Errorf("%d looks are %d samples", looks, n)
	}
	end, err := ReadEnd(dir)
	if err != nil || end.Damaged != 0 || len(end.Samples) == 0 || len(end.Samples) > 1000 || !end.Samples[len(end.Samples)-1].Time.Equal(got.Samples[len(got.Samples)-1].Time) || end.Devices[0].ID != "GPU-0" {
		t.Errorf("the end is %d samples, %d damaged, %v", len(end.Samples), end.Damaged, err)
	}
	if sum := got.Sum()[0]; *sum.Peak != 9*gib {
		t.Errorf("the peak is %d", *sum.Peak)
	}
}

// A flood of the same error is a few lines.
func TestFlood(t *testing.T) {
	dir := t.TempDir()
	r, err := Create(dir, task, []Device{{ID: "GPU-0"}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 { // in ten seconds
		add(t, r, gpu.Look{Time: at(float64(i) / 1000), XIDs: []gpu.XID{{GPU: "GPU-0", Code: 13, Of: []gpu.ID{"GPU-0"}}}})
	}
	s, err := r.Add(gpu.Look{Time: at(9.9995), XIDs: []gpu.XID{{GPU: "GPU-0", Code: 13}, {GPU: "GPU-0", Code: 43}}})
	if err != nil || len(s.XIDs) != 1 || s.XIDs[0].Code != 43 {
		t.Errorf("another error in it is told as %+v, %v", s, err)
	}
	if got, err := Read(dir); err != nil || len(got.Samples) != 11 {
		t.Errorf("it is %d lines, %v", len(got.Samples), err)
	}
}

// A driver that is gone for days is told of once, and once more when it was
// there meanwhile.
func TestLastingProblem(t *testing.T) {
	dir := t.TempDir()
	r, err := Create(dir, task, []Device{{ID: "GPU-0"}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	gone := func(from, to float64) {
		for s := from; s < to; s += 5 {
			sample, err := r.Add(gpu.Look{Time: at(s), Problem: "the driver does not answer"})
			if err != nil {
				t.Fatal(err)
			}
			if !sample.Empty() {
				told++
			}
		}
	}
	gone(0, 86400)
	if _, err := r.Add(gpu.Look{Time: at(86400), Uses: []gpu.Use{{ID: "GPU-0", Used: amount(1)}}}); err != nil {
		t.Fatal(err)
	}
	gone(86401, 90000)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	record, err := Read(dir)
	if err != nil || len(record.Samples) != 3 || told != 2 {
		t.Errorf("%d samples, %d told, %v; want 3 and 2", len(record.Samples), told, err)
	}
}

// What is no record, or of a later drydock, is refused; figures that cannot
// be true are left out.
func TestDamaged(t *testing.T) {
	const first = `{"version":1,"time":"2026-03-01T12:00:00Z","devices":[{"id":"GPU-0"}]}` + "\n"
	for text, ok := range map[string]bool{
		first: true, "": false, "nonsense\n": false, `{"version":2,"devices":[]}` + "\n": false, `{"time":"2026-03-01T12:00:00Z"}` + "\n": false,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); (err == nil) != ok {
			t.Errorf("%q is read with %v", text, err)
		}
	}
	dir := t.TempDir()
	lines := first
	for _, devices := range []string{`{"id":"GPU-0","memory":-1}`, `{"id":"GPU-0","used":9223372036854775807}`, `{"id":"GPU-0","busy":7}`, `{"id":"GPU-0","memory":5}`} {
		lines += `{"time":"2026-03-01T12:00:01Z","devices":[` + devices + "]}\n"
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte(lines+"[]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil || r.Damaged != 4 || *r.Sum()[0].Peak != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a record: %v", err)
	}
}

// A MIG device is known by its profile, one that is not there by its name.
func TestOf(t *testing.T) {
	inv := gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-0", Type: "H100", MIG: &gpu.MIG{Enabled: true, Parts: []gpu.Part{{ID: "MIG-a", Profile: "1g.10gb", Memory: amount(10)}}}}}}
	got := Of(inv, []gpu.ID{"MIG-a", "MIG-gone"})
	if got[0].Parent != "GPU-0" || got[0].String() != "1g.10gb MIG-a" || *got[0].Memory != 10*gib || got[1].String() != "MIG-gone" {
		t.Errorf("they are %+v", got)
	}
}
