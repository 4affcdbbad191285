// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
)

var update = flag.Bool("update", false, "write golden files and the reports shown in the documentation")

const mib = 1 << 20

var started = time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)

// lived makes an outcome that lasted d with the memory given.
func lived(d time.Duration, limit, peak int64) sandbox.Outcome {
	return sandbox.Outcome{
		Version: 1, Sandbox: "native", StartedAt: started, EndedAt: started.Add(d),
		Exit: &sandbox.Exit{}, Counters: &sandbox.Counters{CgroupVersion: 2},
		Memory: sandbox.Memory{Limit: limit, Peak: peak}, CPUSeconds: 0.22, Cores: 8,
	}
}

// oom makes an outcome whose limit ran out after d.
func oom(d time.Duration, limit int64, victim sandbox.Victim, last sandbox.Breakdown) sandbox.Outcome {
	o := lived(d, limit, limit)
	o.Exit = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
	o.KillSeenAt = o.EndedAt
	o.Counters = &sandbox.Counters{CgroupVersion: 2, OOMKill: 1, OOM: 1, Group: sandbox.GroupEnforced}
	o.Victims = []sandbox.Victim{victim}
	o.Memory.Last = &last
	return o
}

// attempt judges an outcome as the executor does.
func attempt(t *testing.T, n int, r resources.Resources, o sandbox.Outcome, opts executor.JudgeOptions) executor.Attempt {
	t.Helper()
	d, _, err := r.Complete(resources.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	opts.Asked, opts.Program, opts.MaxMemory = r, "python3", 30<<30
	return executor.Attempt{Number: n, Demand: d, StartedAt: o.StartedAt, EndedAt: o.EndedAt, Outcome: o, Verdict: executor.Judge(o, opts)}
}

// ofEngine is running out of memory in an engine that lets nobody look.
func ofEngine(t *testing.T, evidence sandbox.Evidence) *executor.Result {
	r := resources.Resources{CPU: resources.Of("1"), Memory: resources.Of("64Mi")}
	o := lived(2*time.Second, 64*mib, 0)
	o.Sandbox, o.Engine, o.KillSeenAt = "docker", "Docker Engine 28.5.2", o.EndedAt
	o.Exit = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
	o.Counters = &sandbox.Counters{Evidence: evidence, CgroupVersion: 2, OOMKill: 1, Group: sandbox.GroupEmulated}
	return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
}

func result(r resources.Resources, attempts ...executor.Attempt) *executor.Result {
	last := attempts[len(attempts)-1]
	return &executor.Result{
		ID: "01JDX3Q9ZB8T5M2V7N4K6H0WYC", Task: executor.Task{Name: "train", Command: []string{"python3", "train.py"}, Resources: r},
		Verdict: last.Verdict, Attempts: attempts, EndedAt: last.EndedAt,
	}
}

func memory(q resources.Quantity) resources.Resources {
	return resources.Resources{Memory: resources.Of(q)}
}

// cases are the ends of tasks whose reports are golden files.
var cases = map[string]func(*testing.T) *executor.Result{
	"oom-main": func(t *testing.T) *executor.Result {
		r := resources.Resources{CPU: resources.Of("1"), Memory: resources.Of("64Mi")}
		o := oom(410*time.Millisecond, 64*mib, sandbox.Victim{PID: 1, Name: "python3", RSS: 61 * mib, Main: true},
			sandbox.Breakdown{Anon: 63 * mib, Kernel: mib})
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"oom-by-engine": func(t *testing.T) *executor.Result { return ofEngine(t, sandbox.EvidenceEngine) },
	"oom-by-sample": func(t *testing.T) *executor.Result { return ofEngine(t, sandbox.EvidenceSample) },
	"image-missing": func(t *testing.T) *executor.Result {
		r := resources.Resources{Memory: resources.Of("64Mi")}
		o := sandbox.Outcome{Image: &sandbox.Image{Reference: "python:3.21"}, EndedAt: started, StartError: &sandbox.StartError{
			Reason: sandbox.StartImagePull, Message: "manifest for python:3.21 not found: manifest unknown", Remedy: "check the name and the tag"}}
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"oom-child-emulated": func(t *testing.T) *executor.Result {
		r := resources.Resources{CPU: resources.Pair("500m", "2"), Memory: resources.Pair("256Mi", "512Mi"), Shm: "auto"}
		o := oom(83*time.Second, 512*mib, sandbox.Victim{PID: 19, Name: "pt_data_worker", RSS: 118 * mib},
			sandbox.Breakdown{Anon: 301 * mib, File: 3 * mib, Shmem: 204 * mib, Kernel: 4 * mib})
		o.Counters.Group, o.Counters.OOMKill = sandbox.GroupEmulated, 3
		o.Shm = &sandbox.Shm{Size: 512 * mib, Used: 204 * mib, Peak: 204 * mib}
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"oom-child-survived": func(t *testing.T) *executor.Result {
		r := memory("64Mi")
		o := oom(2*time.Second, 64*mib, sandbox.Victim{PID: 7, Name: "python3", RSS: 60 * mib}, sandbox.Breakdown{Anon: 2 * mib})
		o.Exit = &sandbox.Exit{}
		o.Counters.Group = sandbox.GroupNo
		res := result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
		res.Limits = []sandbox.Enforcement{{Limit: "group-kill", State: sandbox.NotEnforced, Why: "the profile kills single processes"}}
		return res
	},
	"oom-default-limit": func(t *testing.T) *executor.Result {
		var r resources.Resources
		o := oom(5*time.Second, 1024*mib, sandbox.Victim{}, sandbox.Breakdown{})
		o.Victims, o.Memory.Last = nil, nil
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"oom-retry": func(t *testing.T) *executor.Result {
		victim := sandbox.Victim{PID: 1, Name: "python3", RSS: 61 * mib, Main: true}
		split := sandbox.Breakdown{Anon: 127 * mib, Kernel: mib}
		res := result(memory("64Mi"),
			attempt(t, 1, memory("64Mi"), oom(410*time.Millisecond, 64*mib, victim, split), executor.JudgeOptions{}),
			attempt(t, 2, memory("128Mi"), oom(490*time.Millisecond, 128*mib, victim, split), executor.JudgeOptions{}))
		res.Task.OOMRetry = &executor.OOMRetry{Factor: 2, Attempts: 2}
		return res
	},
	"retry-succeeded": func(t *testing.T) *executor.Result {
		victim := sandbox.Victim{PID: 1, Name: "python3", RSS: 61 * mib, Main: true}
		return result(memory("256Mi"),
			attempt(t, 1, memory("256Mi"), oom(410*time.Millisecond, 256*mib, victim, sandbox.Breakdown{Anon: 255 * mib}), executor.JudgeOptions{}),
			attempt(t, 2, memory("512Mi"), lived(640*time.Millisecond, 512*mib, 308*mib), executor.JudgeOptions{}))
	},
	"succeeded": func(t *testing.T) *executor.Result {
		r := memory("1Gi")
		return result(r, attempt(t, 1, r, lived(90*time.Minute, 1024*mib, 300*mib), executor.JudgeOptions{}))
	},
	"near-limit": func(t *testing.T) *executor.Result {
		r := memory("256Mi")
		o := lived(1500*time.Millisecond, 256*mib, 256*mib)
		o.Memory.PeakNeed = 250 * mib
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"failed": func(t *testing.T) *executor.Result {
		r := memory("256Mi")
		o := lived(time.Second, 256*mib, 20*mib)
		o.Exit = &sandbox.Exit{Code: 1}
		o.Tail = "MemoryError\n"
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"interrupted": func(t *testing.T) *executor.Result {
		r := memory("256Mi")
		o := lived(time.Second, 256*mib, 20*mib)
		o.Exit = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"shm": func(t *testing.T) *executor.Result {
		r := memory("256Mi")
		o := lived(time.Second, 256*mib, 80*mib)
		o.Exit = &sandbox.Exit{Code: 135, Signal: "SIGBUS"}
		o.Shm = &sandbox.Shm{Size: 64 * mib, Peak: 64 * mib}
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"timeout": func(t *testing.T) *executor.Result {
		r := memory("256Mi")
		o := lived(3*time.Second, 256*mib, 80*mib)
		o.Exit = &sandbox.Exit{Code: 143, Signal: "SIGTERM"}
		o.Stops = []sandbox.Stop{{Reason: sandbox.StopTimeout, Signal: "SIGTERM", Time: started.Add(2 * time.Second)}}
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{Timeout: 2 * time.Second}))
	},
	"not-found": func(t *testing.T) *executor.Result {
		r := memory("256Mi")
		o := sandbox.Outcome{Version: 1, Sandbox: "native", StartError: &sandbox.StartError{Reason: sandbox.StartNotFound, Message: "python3: not found in PATH"}}
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
	"refused": func(t *testing.T) *executor.Result {
		r, _ := executor.NotStarted(&executor.RefusedError{Reason: "no command to run", Remedy: "drydock run --memory 512Mi -- python3 train.py"})
		return r
	},
	"internal": func(t *testing.T) *executor.Result {
		r, _ := executor.NotStarted(errors.New("write spec.json: input/output error"))
		return r
	},
	"hostile-name": func(t *testing.T) *executor.Result {
		r := memory("64Mi")
		o := oom(410*time.Millisecond, 64*mib, sandbox.Victim{PID: 3, Name: "\x1b[2J\nfine\xff", RSS: mib}, sandbox.Breakdown{Anon: 63 * mib})
		return result(r, attempt(t, 1, r, o, executor.JudgeOptions{}))
	},
}

func TestGolden(t *testing.T) {
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", name+".txt"), End(Style{}, make(t)))
		})
	}
}

func TestGoldenColor(t *testing.T) {
	golden(t, "testdata/oom-main.color.txt", End(Style{Color: true}, cases["oom-main"](t)))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make docs writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -file +program (make docs accepts the program's):\n%s", path, diff)
	}
}

// The reports that the documentation shows are the golden ones: a block that
// begins with the comment <!-- report NAME --> holds, behind its command
// lines ("$ …"), what testdata/NAME.txt holds.
func TestGoldenInDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		now := shownReports(t, string(text), &shown)
		if *update && now != string(text) {
			err = os.WriteFile(page, []byte(now), 0o644)
		} else if diff := cmp.Diff(string(text), now); diff != "" {
			t.Errorf("%s shows old reports (make docs): -file +program\n%s", page, diff)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if shown == 0 {
		t.Error("no report is shown anywhere in the documentation")
	}
}

// shownReports returns text with its report blocks brought up to date.
func shownReports(t *testing.T, text string, shown *int) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "<!-- report ")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		name, rest, _ := strings.Cut(rest, " -->\n```console\n")
		block, rest, closed := strings.Cut(rest, "```\n")
		if !closed {
			t.Fatalf("the block of report %s has no end", name)
		}
		report := End(Style{}, cases[name](t))
		out.WriteString("<!-- report " + name + " -->\n```console\n" + commandLines(block) + report + "```\n")
		text = rest
		*shown++
	}
}

func commandLines(block string) string {
	var out strings.Builder
	for line := range strings.Lines(block) {
		if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "> ") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestShort(t *testing.T) {
	if got := Short(cases["succeeded"](t)); got != "" {
		t.Errorf("a success says %q with --quiet", got)
	}
	if got := Short(cases["oom-main"](t)); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "drydock: out of memory") {
		t.Errorf("--quiet says %q", got)
	}
}

func TestStart(t *testing.T) {
	r := resources.Resources{CPU: resources.Pair("1", "2"), Memory: resources.Of("512Mi"), Disk: "10Gi", Shm: "auto"}
	d, _, err := r.Complete(resources.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	a := &executor.Admitted{Resources: d, Warnings: []resources.Warning{{Text: "the cpu limit is above this machine"}}, Limits: []sandbox.Enforcement{
		{Limit: "memory", State: sandbox.Enforced},
		{Limit: "group-kill", State: sandbox.Emulated, Why: "cgroup v1 has no memory.oom.group"},
		{Limit: "disk", State: sandbox.NotEnforced, Why: "not built yet"},
	}}
	golden(t, "testdata/start.txt", Start(Style{}, "01JDX3Q9ZB8T5M2V7N4K6H0WYC", 1, a))
	if got := Start(Style{}, "01JDX3Q9ZB8T5M2V7N4K6H0WYC", 2, a); got != "" {
		t.Errorf("the second attempt begins with %q", got)
	}
}

func TestWrapKeepsWhatIsPasted(t *testing.T) {
	call := `flyte.Resources(cpu=1, memory=("512Mi", "1Gi"))`
	for width := 5; width < 80; width++ {
		if lines := strings.Join(wrap("try "+call+" instead of it, please", width), "\n"); !strings.Contains(lines, call) {
			t.Errorf("width %d broke the call:\n%s", width, lines)
		}
	}
}
