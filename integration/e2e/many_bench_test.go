// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drydock/internal/need"
)

// many is how many tasks the long run of BenchmarkMany has.
var many = flag.Int("many", 1000, "tasks of BenchmarkMany's long run")

// BenchmarkMany compares what one of many short tasks costs with a plain loop
// of `runc run` (see runcs), by turns of a hundred in one run: one at a time,
// and two. Then one long run (-many 10000) tells whether the last tasks cost
// more than the first, and how much memory drydock takes with all the others
// queued. No time is a pass or a failure.
func BenchmarkMany(b *testing.B) {
	need.Root(b)
	need.Cgroups(b)
	h := newHome(b)
	others := runcs(b)
	const turn = 100
	for _, parallel := range []int{1, 2} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			var ours costs
			theirs := make([]costs, len(others))
			for b.Loop() {
				took, g := h.fanOut(b, turn, parallel)
				ours.add(cost{took, g.cpu}, turn)
				for i, r := range others {
					theirs[i].add(runcLoop(b, r, turn, parallel), turn)
				}
			}
			b.ReportMetric(ms(median(ours.wall)), "drydock-ms/task")
			b.ReportMetric(ms(median(ours.cpu)), "drydock-cpu-ms/task")
			for i, r := range others {
				b.ReportMetric(float64(median(ours.wall))/float64(median(theirs[i].wall)), "drydock/"+r.name)
				b.ReportMetric(float64(median(ours.cpu))/float64(median(theirs[i].cpu)), "cpu:drydock/"+r.name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run(fmt.Sprintf("tasks=%d", *many), func(b *testing.B) {
		for b.Loop() {
			took, growth := h.fanOut(b, *many, 0)
			b.ReportMetric(ms(took)/float64(*many), "drydock-ms/task")
			b.ReportMetric(ms(growth.cpu)/float64(*many), "drydock-cpu-ms/task")
			b.ReportMetric(growth.halves, "second/first-half")
			b.ReportMetric(growth.cpuHalves, "cpu:second/first-half")
			b.ReportMetric(float64(growth.peak)/(1<<20), "peak-MiB")
		}
		b.ReportMetric(0, "ns/op")
	})
}

// cost is what some tasks took together: time, and CPU time of everything that
// ran for them.
type cost struct{ wall, cpu time.Duration }

// costs are those of one task, in each turn.
type costs struct{ wall, cpu []time.Duration }

func (c *costs) add(one cost, tasks time.Duration) {
	c.wall, c.cpu = append(c.wall, one.wall/tasks), append(c.cpu, one.cpu/tasks)
}

// cpuOf is the CPU time of a process that ended, and of all that it waited for.
func cpuOf(c *exec.Cmd) time.Duration {
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// growth is how a long run changed on its way.
type growth struct {
	halves    float64 // time that the second half took, of the first's
	cpuHalves float64 // and CPU time, which others' work changes less
	peak      int64   // drydock's largest resident size, in bytes
	cpu       time.Duration
}

// fanOut runs n tasks that do nothing; parallel 0: as many at a time as the
// machine has room for.
func (h home) fanOut(b *testing.B, n, parallel int) (time.Duration, growth) {
	b.Helper()
	results := filepath.Join(b.TempDir(), "results")
	args := []string{"run", "--array", fmt.Sprintf("0-%d", n-1), "--memory", "64Mi", "--cpu", "500m", "--quiet", "--result", results}
	if parallel > 0 {
		args = append(args, "--max-parallel", fmt.Sprint(parallel))
	}
	c := h.prepareFor(b, time.Hour, append(args, "--", "./hog", "exit", "0")...)
	time.Sleep(idle)
	start := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	quit, watched := make(chan struct{}), make(chan watch)
	go func() { watched <- watchProcess(c.Process.Pid, quit) }()
	err := c.Wait()
	took := time.Since(start)
	close(quit)
	w := <-watched
	if err != nil {
		b.Fatalf("%v\n%s", err, c.err)
	}
	first, middle, last := ends(b, results, n)
	g := growth{peak: w.peak, cpu: cpuOf(c.Cmd)}
	g.halves = float64(last.Sub(middle)) / float64(middle.Sub(first))
	if half := w.at(middle); half > 0 {
		g.cpuHalves = float64(g.cpu-half) / float64(half)
	}
	return took, g
}

// watch is what was seen of a process while it ran.
type watch struct {
	peak  int64 // resident, in bytes
	times []time.Time
	cpu   []time.Duration // used until then, by what it waited for as well
}

// watchProcess looks at a process until quit.
func watchProcess(pid int, quit <-chan struct{}) watch {
	var w watch
	for {
		select {
		case <-quit:
			return w
		case <-time.After(100 * time.Millisecond):
		}
		w.peak = max(w.peak, highWater(pid))
		if cpu, ok := cpuSoFar(pid); ok {
			w.times, w.cpu = append(w.times, time.Now()), append(w.cpu, cpu)
		}
	}
}

// at is the CPU time that was used until t.
func (w watch) at(t time.Time) time.Duration {
	for i := range w.times {
		if w.times[i].After(t) {
			return w.cpu[i]
		}
	}
	return 0
}

// cpuSoFar is the CPU time of a process and of its children that ended:
// fields 14 to 17 of proc_pid_stat(5), in ticks of 10 ms.
func cpuSoFar(pid int) (time.Duration, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if err != nil || !ok || len(fields) < 15 {
		return 0, false
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, true
}

// ends are when the first, the middle and the last of n tasks ended.
func ends(b *testing.B, results string, n int) (first, middle, last time.Time) {
	b.Helper()
	data, err := os.ReadFile(results)
	if err != nil {
		b.Fatal(err)
	}
	var all []time.Time
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var line struct {
			Type, Verdict string
			Time          time.Time
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			b.Fatal(err)
		}
		if line.Type == "ended" && line.Verdict == "succeeded" {
			all = append(all, line.Time)
		}
	}
	if len(all) != n {
		b.Fatalf("%d of %d tasks succeeded", len(all), n)
	}
	return all[0], all[(n-1)/2], all[n-1]
}

// runcLoop runs the bundle n times.
func runcLoop(b *testing.B, r runc, n, parallel int) cost {
	b.Helper()
	time.Sleep(idle)
	start := time.Now()
	var all sync.WaitGroup
	var cpu atomic.Int64
	for worker := range parallel {
		all.Go(func() {
			for i := worker; i < n; i += parallel {
				cmd := exec.Command(r.path, "run", fmt.Sprintf("drydock-many-%d-%d", os.Getpid(), i))
				cmd.Dir = r.bundle
				if text, err := cmd.CombinedOutput(); err != nil {
					b.Errorf("runc: %v\n%s", err, text)
					return
				}
				cpu.Add(int64(cpuOf(cmd)))
			}
		})
	}
	all.Wait()
	return cost{time.Since(start), time.Duration(cpu.Load())}
}

// prepareFor is prepare for a run that may last.
func (h home) prepareFor(b *testing.B, most time.Duration, args ...string) *command {
	b.Helper()
	c := h.prepare(b, args...)
	ctx, cancel := context.WithTimeout(context.Background(), most)
	b.Cleanup(cancel)
	long := exec.CommandContext(ctx, c.Path, args...)
	long.Dir, long.Env, long.Stdout, long.Stderr = c.Dir, c.Env, c.Stdout, c.Stderr
	return &command{Cmd: long, out: c.out, err: c.err}
}
