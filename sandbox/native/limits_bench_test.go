// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

const gib = int64(1) << 30

// limitKind is one kind of limit, alone.
type limitKind struct {
	name  string
	limit func(*sandbox.Limits)
}

// none is the first: the one that the others are compared with. The second is
// the same once more, for what two equal runs differ by.
var (
	none      = limitKind{"none", func(*sandbox.Limits) {}}
	again     = limitKind{"none-again", func(*sandbox.Limits) {}}
	memory    = limitKind{"memory", func(l *sandbox.Limits) { l.Memory, l.GroupKill = 4*gib, true }}
	tight     = limitKind{"memory-256Mi", func(l *sandbox.Limits) { l.Memory, l.GroupKill = gib/4, true }}
	diskEvict = limitKind{"disk-evict", func(l *sandbox.Limits) { l.Disk = 4 * gib }}
	diskHard  = limitKind{"disk-hard", func(l *sandbox.Limits) { l.Disk, l.DiskEnforce = 4*gib, sandbox.DiskHard }}
	shm       = limitKind{"shm", func(l *sandbox.Limits) { l.ShmSize = 4 * gib }}
	pids      = limitKind{"pids", func(l *sandbox.Limits) { l.Pids = 32768 }}
)

// BenchmarkLimits tells what each kind of limit costs: at the start and end of
// a program that does nothing, and while one writes 1 GiB into its own
// directory or into /dev/shm. One round runs each kind once, in any order, and a
// kind is compared with the run without limits of the same round: both
// saw the same machine. The metrics are the median and the quartiles of these
// ratios, and named -cpu the median of those of CPU time, which a busy machine
// hardly changes. No time is a pass or a failure.
func BenchmarkLimits(b *testing.B) {
	need.Root(b)
	need.Cgroups(b)
	run := limitRunner{newSandbox(b, shim(b), b.TempDir()), sandboxtest.BuildHog(b, b.TempDir())}
	disk := []limitKind{none, again, memory, tight, diskEvict, diskHard, pids}
	inShm := []limitKind{none, again, shm, memory}
	for _, bench := range []struct {
		name  string
		kinds []limitKind
		words []string
		times int // in a round; the median counts
	}{
		{"start", []limitKind{none, again, memory, diskEvict, diskHard, shm, pids}, []string{"exit", "0"}, 5},
		{"write-4KiB", disk, []string{"pieces", "/scratch/x", "4", "1024"}, 1},
		{"write-1MiB", disk, []string{"pieces", "/scratch/x", "1024", "1024"}, 1},
		{"shm-4KiB", inShm, []string{"pieces", "/dev/shm/x", "4", "1024"}, 1},
		{"shm-1MiB", inShm, []string{"pieces", "/dev/shm/x", "1024", "1024"}, 1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			kinds := run.able(b, bench.kinds, bench.words)
			took := make([][]cost, len(kinds))
			for b.Loop() {
				for _, at := range rand.Perm(len(kinds)) {
					took[at] = append(took[at], run.median(b, kinds[at], bench.times, bench.words))
				}
			}
			report(b, kinds, took)
		})
	}
}

// cost is what a run took, in milliseconds.
type cost struct{ wall, cpu float64 }

func wall(c cost) float64 { return c.wall }
func cpu(c cost) float64  { return c.cpu }

// report compares each kind with the first.
func report(b *testing.B, kinds []limitKind, took [][]cost) {
	b.ReportMetric(0, "ns/op") // of all together: says nothing
	b.ReportMetric(quartile(took[0], 2, wall), kinds[0].name+"-ms")
	b.ReportMetric(quartile(took[0], 2, cpu), kinds[0].name+"-cpu-ms")
	for i, kind := range kinds[1:] {
		ratios := make([]cost, len(took[0]))
		for round, base := range took[0] {
			ratios[round] = cost{took[i+1][round].wall / base.wall, took[i+1][round].cpu / base.cpu}
		}
		for at, name := range map[int]string{1: "-q1", 2: "", 3: "-q3"} {
			b.ReportMetric(quartile(ratios, at, wall), kind.name+name)
		}
		b.ReportMetric(quartile(ratios, 2, cpu), kind.name+"-cpu")
	}
}

func quartile(costs []cost, at int, of func(cost) float64) float64 {
	var values []float64
	for _, c := range costs {
		values = append(values, of(c))
	}
	slices.Sort(values)
	return values[(len(values)-1)*at/4]
}

// limitRunner runs hog within limits.
type limitRunner struct {
	sandbox sandbox.Sandbox
	hog     string
}

// able runs each kind once unmeasured, for caches and first directories, and
// leaves out what this machine cannot do.
func (r limitRunner) able(b *testing.B, kinds []limitKind, words []string) []limitKind {
	b.Helper()
	var able []limitKind
	for _, kind := range kinds {
		_, err := r.run(b, kind, words)
		var refused *sandbox.SpecError
		switch {
		case errors.As(err, &refused):
			b.Logf("%s is left out: %v", kind.name, err)
		case err != nil:
			b.Fatalf("%s: %v", kind.name, err)
		default:
			able = append(able, kind)
		}
	}
	return able
}

// median is that of so many runs.
func (r limitRunner) median(b *testing.B, kind limitKind, times int, words []string) cost {
	b.Helper()
	var all []cost
	for range times {
		c, err := r.run(b, kind, words)
		if err != nil {
			b.Fatalf("%s: %v", kind.name, err)
		}
		all = append(all, c)
	}
	return cost{quartile(all, 2, wall), quartile(all, 2, cpu)}
}

// run takes the time of one attempt: what the program says it took, if it says
// something, else from the start to the outcome. CPU time is the attempt's.
func (r limitRunner) run(b *testing.B, kind limitKind, words []string) (cost, error) {
	b.Helper()
	dir := b.TempDir()
	defer os.RemoveAll(dir) // now: what it wrote need not reach the disk
	scratch := filepath.Join(dir, "work")
	if err := os.Mkdir(scratch, 0o777); err != nil {
		b.Fatal(err)
	}
	spec := sandbox.Spec{
		ID: ulid.Make().String(), Attempt: 1, Dir: dir,
		Args: append([]string{r.hog}, words...), WorkDir: filepath.Dir(r.hog),
		Network: sandbox.NetworkHost, Caps: sandbox.CapsDefault,
		Mounts: []sandbox.Mount{{Source: scratch, Target: "/scratch"}},
		Limits: sandbox.Limits{CPUShares: 1024, CPUPeriod: 100_000, NoFile: 1024},
	}
	kind.limit(&spec.Limits)
	if words[0] == "pieces" {
		if err := r.warm(filepath.Join(dir, "warm")); err != nil {
			return cost{}, err
		}
	}
	// A kernel that has just moved processes between cgroups moves the next
	// ones faster, which would favour whoever comes second.
	time.Sleep(50 * time.Millisecond)
	var said bytes.Buffer
	began := time.Now()
	running, err := r.sandbox.Start(b.Context(), spec, sandbox.Streams{Stdout: &said, Stderr: io.Discard})
	if err != nil {
		return cost{}, err
	}
	for range running.Events() { // nobody waits for whom nobody listens to
	}
	out, err := running.Wait()
	took := time.Since(began)
	if err != nil || out.Exit == nil || out.Exit.Code != 0 {
		return cost{}, fmt.Errorf("it ended with %+v (start error %+v, %v)", out.Exit, out.StartError, err)
	}
	if text := strings.TrimSpace(said.String()); text != "" {
		took, err = time.ParseDuration(text + "us")
	}
	return cost{ms(took), out.CPUSeconds * 1000}, err
}

// warm takes 1 GiB of memory and gives it back: in a virtual machine the first
// touch of a page may cost several times that of one that was just freed.
func (r limitRunner) warm(file string) error {
	if out, err := exec.Command(r.hog, "pieces", file, "1024", "1024").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Remove(file)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
