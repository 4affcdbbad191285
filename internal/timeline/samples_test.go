// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
)

func TestReadSamples(t *testing.T) {
	const good = `{"time":"2026-11-03T09:30:01Z","memory":5,"cpu_seconds":0.5,"breakdown":{"anon":3,"file":1,"shmem":0,"kernel":1},"pressure":{"cpu":{"some":1,"full":0}}}` + "\n"
	const later = `{"time":"2026-11-03T09:30:02Z","memory":6,"cpu_seconds":0.5}` + "\n"
	for _, tt := range []struct {
		name, file string
		want       int
		faults     SampleFaults
	}{
		{"nothing", "", 0, SampleFaults{}},
		{"in order", good + later, 2, SampleFaults{}},
		{"the last one is being written", good + later[:len(later)-9], 1, SampleFaults{}},
		{"whole but for its end", good + later[:len(later)-1], 1, SampleFaults{}},
		{"a damaged one between", good + "\x00\x00{\n" + later, 2, SampleFaults{Damaged: 1}},
		{"far too long a line", good + strings.Repeat("x", 3*maxSampleLine) + "\n" + later, 2, SampleFaults{Damaged: 1}},
		{"far too long and torn", good + strings.Repeat("x", 3*maxSampleLine), 1, SampleFaults{Damaged: 1}},
		{"the clock was set back", later + good + later, 2, SampleFaults{Backward: 1}},
		{"without a time", `{"memory":1}` + "\n", 0, SampleFaults{Damaged: 1}},
		{"negative", `{"time":"2026-11-03T09:30:02Z","memory":-1}` + "\n", 0, SampleFaults{Damaged: 1}},
		{"beyond all machines", `{"time":"2026-11-03T09:30:02Z","memory":1,"breakdown":{"anon":9223372036854775807}}` + "\n", 0, SampleFaults{Damaged: 1}},
		{"no time of a CPU", `{"time":"2026-11-03T09:30:02Z","memory":1,"cpu_seconds":1e300}` + "\n", 0, SampleFaults{Damaged: 1}},
		{"no time waited", `{"time":"2026-11-03T09:30:02Z","memory":1,"pressure":{"memory":{"some":-1}}}` + "\n", 0, SampleFaults{Damaged: 1}},
		{"of a later version", strings.Replace(good, `"memory"`, `"new":{},"memory"`, 1), 1, SampleFaults{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"at once": strings.NewReader(tt.file), "by bytes": iotest.OneByteReader(strings.NewReader(tt.file))} {
				got, faults, err := ReadSamples(r)
				if err != nil || len(got) != tt.want || faults != tt.faults {
					t.Errorf("%s: %d samples, %+v, %v; want %d, %+v", name, len(got), faults, err, tt.want, tt.faults)
				}
			}
		})
	}
	broken := errors.New("input/output error")
	if got, _, err := ReadSamples(io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken))); !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("a disk that fails: %d samples, %v", len(got), err)
	}
}

// Whatever a samples file holds, every report of it can be written, and no
// number in it is none.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-03T09:30:01Z","memory":5,"cpu_seconds":0.5,"breakdown":{"anon":3}}`+"\n"), int64(1e9), int64(64*mib))
	f.Add([]byte(`{"time":"2026-11-03T09:30:01Z","memory":1152921504606846976,"cpu_seconds":1e9}`+"\n"+
		`{"time":"9999-11-03T09:30:01Z","memory":1152921504606846976,"cpu_seconds":0,"pressure":{"memory":{"some":9e9,"full":0}}}`+"\n"), int64(0), int64(0))
	f.Add([]byte("{"), int64(-5), int64(1))
	f.Fuzz(func(t *testing.T, file []byte, kill, limit int64) {
		all, _, err := ReadSamples(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(all); i++ {
			if all[i].Time.Before(all[i-1].Time) {
				t.Fatal("samples are not in order")
			}
		}
		limit = max(0, min(limit, maxAmount))
		kill = max(-1<<50, min(kill, 1<<50))
		o := oom(time.Duration(kill), limit, sandbox.Breakdown{Anon: limit})
		v := executor.Judge(*o, executor.JudgeOptions{Asked: resources.Resources{}})
		a := Attempt{Number: 1, State: Ended, Outcome: o, Verdict: &v, Start: o.StartedAt, End: o.EndedAt, MemoryLimit: limit, CPULimit: 1}
		a.Points, a.Marks = points(a.Start, all, o, &v), marks(o, &v)
		r := &Report{ID: sceneID, Attempts: []Attempt{a}}
		for i := 1; i < len(a.Points); i++ {
			if a.Points[i].At < a.Points[i-1].At {
				t.Fatalf("point %d goes back in time: %v after %v", i, a.Points[i].At, a.Points[i-1].At)
			}
		}
		for _, format := range Formats {
			out := render(t, r, format, Options{Width: 70})
			for _, bad := range []string{"NaN", "Inf"} {
				if bytes.Contains(out, []byte(bad)) {
					t.Fatalf("%s holds %s", format, bad)
				}
			}
		}
		if peak, _, _ := a.Peak(); float64(peak) > math.MaxInt64/2 {
			t.Fatalf("peak %d", peak)
		}
	})
}
