// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// No time here is a pass or a failure. Each benchmark measures drydock and the
// interpreter without it by turns in one run, because both move with the
// machine; the ratio of the medians is what travels.

// BenchmarkFirstLine is the time from CreateRun to the first line of the
// task's body, against a0 started by hand with the same arguments, code bundle
// and storage.
func BenchmarkFirstLine(b *testing.B) {
	m := measure(b, "first", b.N+1)
	var with, without, started []time.Duration
	for range m.rounds {
		run := m.next(b)
		with = append(with, m.c.last("line").Sub(m.s.when(b, "created", run)))
		started = append(started, m.s.when(b, "started", run).Sub(m.s.when(b, "created", run)))
		without = append(without, m.bare(b, run, "a0"))
	}
	b.ReportMetric(ms(median(with[1:])), "drydock-ms")     // the first one warms the caches
	b.ReportMetric(ms(median(started[1:])), "to-start-ms") // of drydock-ms
	b.ReportMetric(ms(median(without[1:])), "a0-ms")
	b.ReportMetric(ratios(with[1:], without[1:]), "drydock/a0")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMap is a flyte.map of 100 elements, two at a time by their CPU,
// against 100 starts of a0, two at a time. The ratio of CPU time stays what it
// is when the machine has other work, too; it leaves out the parent, which is
// the SDK's.
func BenchmarkMap(b *testing.B) {
	const width = 100
	m := measure(b, "spread", b.N, fmt.Sprint(width))
	var with, without, withCPU, withoutCPU []time.Duration
	for range m.rounds {
		before := m.s.cpu(b)
		run := m.next(b)
		with = append(with, m.c.last("end").Sub(m.c.last("begin")))
		withCPU = append(withCPU, m.s.cpu(b)-before-m.s.usedBy(b, run, "a0"))
		child := m.s.childOf(b, run)
		began := time.Now()
		var both sync.WaitGroup
		var used [2]time.Duration
		for half := range 2 {
			both.Go(func() {
				for range width / 2 {
					_, cpu := m.start(b, run, child)
					used[half] += cpu
				}
			})
		}
		both.Wait()
		without = append(without, time.Since(began))
		withoutCPU = append(withoutCPU, used[0]+used[1])
	}
	b.ReportMetric(median(with).Seconds(), "drydock-s")
	b.ReportMetric(median(without).Seconds(), "a0-s")
	b.ReportMetric(ratios(with, without), "drydock/a0")
	b.ReportMetric(median(withCPU).Seconds(), "drydock-cpu-s")
	b.ReportMetric(median(withoutCPU).Seconds(), "a0-cpu-s")
	b.ReportMetric(ratios(withCPU, withoutCPU), "drydock/a0-cpu")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCatch is the time from the kernel's kill of a child to the except
// branch of its parent.
func BenchmarkCatch(b *testing.B) {
	log := openKernelLog(b)
	m := measure(b, "catch", b.N)
	var times []time.Duration
	for range m.rounds {
		m.next(b)
		kill, ok := log.lastKill()
		if !ok {
			b.Fatal("the kernel logged no kill")
		}
		times = append(times, m.c.last("caught").Sub(kill))
	}
	b.ReportMetric(ms(median(times)), "kill-to-except-ms")
	b.ReportMetric(ms(slices.Max(times)), "worst-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkServer is what the server itself needs: from its start until it
// says that it is ready, and resident memory when nothing runs.
func BenchmarkServer(b *testing.B) {
	venv := sdk(b, newest)
	var ready []time.Duration
	var idle []int64
	for b.Loop() {
		s := newServer(b, venv)
		drydock(b)
		began := time.Now()
		s.process = s.launch(b, "up", "--native", "--json", "--listen", s.listen, "--python", venv)
		for !strings.Contains(s.process.out.String(), `"type":"ready"`) && time.Since(began) < 10*time.Second {
			time.Sleep(time.Millisecond)
		}
		ready = append(ready, time.Since(began))
		time.Sleep(time.Second)
		idle = append(idle, s.status(b, "VmRSS:"))
		if err := s.stop(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ms(median(ready)), "ready-ms")
	b.ReportMetric(float64(slices.Max(idle))/(1<<20), "idle-MiB")
	b.ReportMetric(0, "ns/op")
}

// measuring is a client that runs something once for each round.
type measuring struct {
	s      *server
	c      *conductor
	p      *process
	rounds int
	round  int
}

func measure(b *testing.B, what string, rounds int, args ...string) *measuring {
	b.Helper()
	m := &measuring{s: shared.server(b, newest), c: newConductor(b), rounds: rounds}
	m.c.hold("next")
	m.p = m.s.python(b, m.c, "measured.py", append([]string{what, fmt.Sprint(rounds)}, args...)...)
	return m
}

// next lets one run happen and returns its name.
func (m *measuring) next(b *testing.B) string {
	b.Helper()
	m.round++
	m.c.await(b, "next", m.round)
	m.c.release("next")
	m.c.hold("next")
	within(b, patience, "the run did not end", func() bool {
		select {
		case <-m.p.done:
			return m.c.count("over") >= m.round || m.failed(b)
		default:
			return m.c.count("over") >= m.round
		}
	})
	time.Sleep(100 * time.Millisecond) // what it leaves behind is cleared away
	var last string
	for line := range strings.Lines(m.p.out.String()) {
		var told struct{ Run string }
		if text, ok := strings.CutPrefix(line, "@proof "); ok && json.Unmarshal([]byte(text), &told) == nil && told.Run != "" {
			last = told.Run
		}
	}
	return last
}

func (m *measuring) failed(b *testing.B) bool {
	b.Helper()
	b.Fatalf("%s ended: %v\n%s", m.p.name, m.p.err, m.p.out)
	return false
}

// bare starts an attempt's a0 without drydock around it, and returns the time
// until the first line of its body.
func (m *measuring) bare(b *testing.B, run, action string) time.Duration {
	b.Helper()
	began, _ := m.start(b, run, action)
	return m.c.last("line").Sub(began)
}

// start runs an attempt's a0 by hand and returns when it began, and the CPU
// time that it used.
func (m *measuring) start(b *testing.B, run, action string) (began time.Time, cpu time.Duration) {
	dir, err := os.MkdirTemp(shared.scratch, "bare-")
	if err != nil {
		b.Error(err)
		return began, 0
	}
	defer os.RemoveAll(dir)
	args := m.s.arguments(b, run, action)
	cmd := exec.Command(filepath.Join(m.s.venv, "bin", "a0"), args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(m.s.storage),
		"PATH="+filepath.Join(m.s.venv, "bin")+":"+os.Getenv("PATH"), "HOME="+dir, "LANG=C.UTF-8", "PYTHONUNBUFFERED=1",
		"ACTION_NAME="+action, "RUN_NAME="+run, "FLYTE_ATTEMPT_NUMBER=0", "_F_SYS_PATH=./.:./.",
		"FLYTE_INTERNAL_EXECUTION_PROJECT=proofs", "FLYTE_INTERNAL_EXECUTION_DOMAIN=development",
		"_U_ORG_NAME=local", "_U_RUN_BASE=s3://drydock/runs/proofs/development/"+run,
		"_U_EP_OVERRIDE="+m.s.endpoint, "_U_INSECURE=true", "_U_USE_ACTIONS=1", "LOG_LEVEL=30")
	began = time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Errorf("a0 by hand: %v\n%s", err, out)
	}
	return began, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// cpu is what the server and all that it started and waited for have used.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	var ticks int64
	for _, field := range strings.Fields(rest)[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 everywhere
}

// usedBy is the CPU time of an action's last attempt.
func (s *server) usedBy(b *testing.B, run, action string) time.Duration {
	b.Helper()
	var ended struct {
		Attempts []struct {
			Usage struct {
				CPU float64 `json:"cpu_seconds"`
			}
		}
	}
	text, err := json.Marshal(s.line(b, "ended", run, action))
	if err = errors.Join(err, json.Unmarshal(text, &ended)); err != nil || len(ended.Attempts) == 0 {
		b.Fatalf("no usage of %s: %v", action, err)
	}
	return time.Duration(ended.Attempts[0].Usage.CPU * float64(time.Second))
}

// arguments are those of an action's first attempt.
func (s *server) arguments(b *testing.B, run, action string) []string {
	id, _ := s.line(b, "started", run, action)["task_id"].(string)
	content, err := os.ReadFile(filepath.Join(s.state(), "tasks", id, "attempts", "1", "spec.json"))
	var spec struct{ Args []string }
	if err = errors.Join(err, json.Unmarshal(content, &spec)); err != nil {
		b.Fatal(err)
	}
	return spec.Args
}

// when is the time of a line about a run.
func (s *server) when(b *testing.B, kind, run string) time.Time {
	b.Helper()
	at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(s.line(b, kind, run, "")["time"]))
	if err != nil {
		b.Fatal(err)
	}
	return at
}

// childOf is the name of one of a run's children.
func (s *server) childOf(b *testing.B, run string) string {
	b.Helper()
	for line := range strings.Lines(s.log.String()) {
		var told struct{ Type, Run, Action, Parent string }
		if json.Unmarshal([]byte(line), &told) == nil && told.Type == "started" && told.Run == run && told.Parent != "" {
			return told.Action
		}
	}
	b.Fatalf("run %s has no child", run)
	return ""
}

// line is what the server told about a run or an action of it.
func (s *server) line(b *testing.B, kind, run, action string) map[string]any {
	b.Helper()
	for line := range strings.Lines(s.log.String()) {
		told := map[string]any{}
		if !strings.Contains(line, run) || json.Unmarshal([]byte(line), &told) != nil {
			continue
		}
		if told["type"] == kind && told["run"] == run && (action == "" || told["action"] == action) {
			return told
		}
	}
	b.Fatalf("the server told no %q of %s %s", kind, run, action)
	return nil
}

// ratios is the median of a run's ratios: each pair saw the same machine.
func ratios(with, without []time.Duration) float64 {
	all := make([]float64, len(with))
	for i := range with {
		all[i] = float64(with[i]) / float64(without[i])
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
