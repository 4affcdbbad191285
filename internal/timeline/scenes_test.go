// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/executor"
	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

const mib = 1 << 20

const sceneID = "01JDX3Q9ZB8T5M2V7N4K6H0WYC"

var begun = time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)

// scene is a task as the state directory keeps it.
type scene struct {
	command   []string
	name      string
	resources resources.Resources
	oomRetry  *executor.OOMRetry
	attempts  []try
	unended   bool // no ended.json
}

// try is an attempt of a scene.
type try struct {
	memory  string // asked for; "": the scene's
	samples []sandbox.Sample
	torn    string // behind the samples, in the same file
	none    bool   // there is no samples file
	outcome *sandbox.Outcome
	judge   executor.JudgeOptions
	log     string
	devices []usage.Device
	looks   []gpu.Look // at the devices
}

// lay writes the scene down and returns the state directory.
func (s scene) lay(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	dir, err := state.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	task, err := dir.CreateTask(sceneID)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(task, state.TaskFile), map[string]any{
		"version": 1, "id": sceneID, "name": s.name, "time": begun, "command": s.command, "resources": s.resources,
		"work_dir": "/home/ann/train", "oom_retry": s.oomRetry,
	})
	result := &executor.Result{ID: sceneID, Task: executor.Task{Command: s.command, Resources: s.resources, OOMRetry: s.oomRetry}}
	for i, a := range s.attempts {
		result.Attempts = append(result.Attempts, a.lay(t, dir, s, i+1))
	}
	if !s.unended {
		last := result.Attempts[len(result.Attempts)-1]
		result.Verdict, result.EndedAt, result.Limits = last.Verdict, last.EndedAt, last.Outcome.Limits
		put(t, filepath.Join(task, state.EndedFile), result.Document())
	}
	return root
}

func (a try) lay(t testing.TB, dir *state.Dir, s scene, n int) executor.Attempt {
	t.Helper()
	asked := s.resources
	if a.memory != "" {
		asked.Memory = resources.Of(resources.Quantity(a.memory))
	}
	demand, _, err := asked.Complete(resources.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	path, err := dir.CreateAttempt(sceneID, n)
	if err != nil {
		t.Fatal(err)
	}
	a.judge.Asked, a.judge.Program, a.judge.MaxMemory = asked, "python3", 30<<30
	put(t, filepath.Join(path, state.DemandFile), map[string]any{
		"version": 1, "demand": demand, "judge": a.judge, "enforcement": enforcement,
		"limits": sandbox.Limits{Memory: demand.Memory.LimitBytes(), CPUQuota: demand.CPU.LimitMilli() * 100, CPUPeriod: 100_000, Disk: diskLimit(demand)},
	})
	if !a.none {
		var b bytes.Buffer
		for _, s := range a.samples {
			line, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
		b.WriteString(a.torn)
		if err := os.WriteFile(filepath.Join(path, samplesFile), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.follow(t, path)
	if a.log != "" {
		if err := os.WriteFile(filepath.Join(path, logFile), []byte(a.log), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := executor.Attempt{Number: n, Demand: demand}
	if o := a.outcome; o != nil {
		put(t, filepath.Join(path, state.OutcomeFile), o)
		done.Outcome, done.StartedAt, done.EndedAt, done.Verdict = *o, o.StartedAt, o.EndedAt, executor.Judge(*o, a.judge)
	}
	if a.devices != nil {
		if done.Verdict, err = executor.JudgeDir(path); err != nil {
			t.Fatal(err)
		}
	}
	return done
}

// follow records what the attempt's devices were used for.
func (a try) follow(t testing.TB, dir string) {
	t.Helper()
	if a.devices == nil {
		return
	}
	r, err := usage.Create(dir, sceneID, a.devices, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range a.looks {
		if _, err := r.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func diskLimit(d resources.Demand) int64 {
	if d.Disk == nil {
		return 0
	}
	return d.Disk.LimitBytes()
}

func put(t testing.TB, path string, v any) {
	t.Helper()
	if err := state.WriteJSON(path, v); err != nil {
		t.Fatal(err)
	}
}

// load lays the scene and reads it back.
func (s scene) load(t testing.TB, alive bool) *Report {
	t.Helper()
	r, err := Loader{StateDir: s.lay(t), Alive: func(string) bool { return alive }}.Load(sceneID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var enforcement = []sandbox.Enforcement{
	{Limit: "memory", State: sandbox.Enforced},
	{Limit: "group-kill", State: sandbox.Emulated, Why: "cgroup v1 has no memory.oom.group"},
	{Limit: "disk", State: sandbox.NotEnforced, Why: "not built yet"},
}

// samples makes one every step until end; of says how much memory there is.
func samples(step, end time.Duration, of func(at time.Duration) sandbox.Breakdown) []sandbox.Sample {
	var all []sandbox.Sample
	for at := step / 2; at < end; at += step {
		b := of(at)
		s := at.Seconds()
		all = append(all, sandbox.Sample{
			Time: begun.Add(at), Memory: sum(&b), Breakdown: &b, CPUSeconds: 0.8 * s,
			Pressure: &sandbox.Pressure{
				Memory: &sandbox.Stall{Some: 0.1 * s, Full: 0.02 * s},
				CPU:    &sandbox.Stall{Some: 0.3*s + 0.05*math.Sin(4*s), Full: 0.1 * s},
			},
		})
	}
	return all
}

func grow(perSecond int64) func(time.Duration) sandbox.Breakdown {
	return func(at time.Duration) sandbox.Breakdown {
		return sandbox.Breakdown{Anon: 4*mib + int64(at.Seconds()*float64(perSecond)), File: mib, Kernel: mib / 2}
	}
}

func lived(d time.Duration, limit, peak int64) *sandbox.Outcome {
	return &sandbox.Outcome{
		Version: 1, Sandbox: "native", StartedAt: begun, EndedAt: begun.Add(d),
		Exit: &sandbox.Exit{}, Counters: &sandbox.Counters{CgroupVersion: 2},
		Memory: sandbox.Memory{Limit: limit, Peak: peak}, CPUSeconds: 0.8 * d.Seconds(), Cores: 8,
		Pids: sandbox.Pids{Limit: 100, Peak: 6}, Limits: enforcement,
	}
}

func oom(d time.Duration, limit int64, last sandbox.Breakdown) *sandbox.Outcome {
	o := lived(d+20*time.Millisecond, limit, limit)
	o.Exit = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
	o.KillSeenAt = begun.Add(d)
	o.Counters = &sandbox.Counters{CgroupVersion: 2, OOMKill: 1, OOM: 1, Group: sandbox.GroupEnforced}
	o.Victims = []sandbox.Victim{{PID: 1, Name: "python3", RSS: limit - 3*mib, Main: true}}
	o.Memory.Last = &last
	o.Tail = "epoch 1\nepoch 2\n"
	return o
}

func memory(q resources.Quantity) resources.Resources {
	return resources.Resources{Memory: resources.Of(q)}
}

var train = []string{"python3", "train.py"}

// scenes are what the golden files show.
var scenes = map[string]scene{
	"oom": {command: train, name: "python3", resources: memory("64Mi"), attempts: []try{{
		samples: samples(50*time.Millisecond, 1300*time.Millisecond, grow(43*mib)),
		outcome: oom(1310*time.Millisecond, 64*mib, sandbox.Breakdown{Anon: 62 * mib, File: mib, Kernel: mib}),
	}}},
	// All in the last moment: what the last sample saw is a third of it.
	"leap": {command: train, name: "python3", resources: memory("512Mi"), attempts: []try{{
		samples: samples(50*time.Millisecond, 400*time.Millisecond, grow(100*mib)),
		outcome: oom(460*time.Millisecond, 512*mib, sandbox.Breakdown{Anon: 160 * mib, File: mib, Kernel: mib}),
	}}},
	// Before anybody looked.
	"sudden": {command: train, name: "python3", resources: memory("64Mi"), attempts: []try{{
		outcome: func() *sandbox.Outcome {
			o := oom(9*time.Millisecond, 64*mib, sandbox.Breakdown{})
			o.Memory.Last = nil
			return o
		}(),
	}}},
	"retry": {command: train, name: "python3", resources: memory("64Mi"), oomRetry: &executor.OOMRetry{Factor: 2, Attempts: 3}, attempts: []try{
		{
			samples: samples(50*time.Millisecond, 900*time.Millisecond, grow(64*mib)),
			outcome: oom(910*time.Millisecond, 64*mib, sandbox.Breakdown{Anon: 62 * mib, File: mib, Kernel: mib}),
		},
		{
			memory: "128Mi", samples: samples(50*time.Millisecond, 2*time.Second, grow(40*mib)),
			outcome: lived(2040*time.Millisecond, 128*mib, 84*mib),
		},
	}},
	"timeout": {command: append(train[:2:2], "--note", "it's"), name: "python3", attempts: []try{{
		samples: samples(100*time.Millisecond, 2900*time.Millisecond, func(at time.Duration) sandbox.Breakdown {
			return sandbox.Breakdown{Anon: 30 * mib, Shmem: int64(at.Seconds() * 20 * mib), File: 40 * mib, Kernel: mib}
		}),
		judge: executor.JudgeOptions{Timeout: 2 * time.Second},
		outcome: func() *sandbox.Outcome {
			o := lived(3010*time.Millisecond, 1024*mib, 132*mib)
			o.Exit = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
			o.Stops = []sandbox.Stop{
				{Reason: sandbox.StopTimeout, Signal: "SIGTERM", Time: begun.Add(2 * time.Second)},
				{Reason: sandbox.StopTimeout, Signal: "SIGKILL", Time: begun.Add(3 * time.Second)},
			}
			return o
		}(),
	}}},
	// A child is killed, the rest lives on; no PSI, and a line was damaged.
	"child": {command: train, name: "python3", resources: resources.Resources{CPU: resources.Pair("500m", "2"), Memory: resources.Pair("64Mi", "256Mi"), Shm: "auto"}, attempts: []try{{
		samples: func() []sandbox.Sample {
			all := samples(100*time.Millisecond, 3*time.Second, func(at time.Duration) sandbox.Breakdown {
				if at > 2*time.Second {
					return sandbox.Breakdown{Anon: 20 * mib}
				}
				return sandbox.Breakdown{Anon: 20*mib + int64(at.Seconds()*110*mib), Kernel: 3 * mib}
			})
			for i := range all {
				all[i].Pressure = nil
			}
			return all
		}(),
		torn: "{\"time\":1}\n",
		outcome: func() *sandbox.Outcome {
			o := oom(2*time.Second, 256*mib, sandbox.Breakdown{Anon: 250 * mib, Kernel: 6 * mib})
			o.EndedAt, o.Exit = begun.Add(3*time.Second), &sandbox.Exit{}
			o.Counters.Group, o.Victims[0] = sandbox.GroupNo, sandbox.Victim{PID: 19, Name: "pt_data_worker", RSS: 200 * mib}
			return o
		}(),
	}}},
	"running": {command: train, name: "python3", unended: true, attempts: []try{{
		samples: samples(50*time.Millisecond, time.Second, grow(43*mib)), torn: `{"time":"2026-11-03T09:30:01Z","mem`,
		log: "2026-11-03T09:30:00.5Z stdout P epo\n2026-11-03T09:30:00.6Z stdout F ch 1\n2026-11-03T09:30:01Z stderr P half a li\n",
	}}},
	"start-failed": {command: []string{"pyhton3", "train.py"}, attempts: []try{{
		none: true,
		outcome: &sandbox.Outcome{Version: 1, Sandbox: "native", Limits: enforcement, Counters: &sandbox.Counters{CgroupVersion: 2},
			StartError: &sandbox.StartError{Reason: sandbox.StartNotFound, Message: "pyhton3: not found in PATH"}},
	}}},
	// It writes more than it asked for, deletes half, and is evicted in the end.
	"disk": {command: train, name: "train", resources: resources.Resources{Memory: resources.Of("64Mi"), Disk: "100Mi"}, attempts: []try{{
		samples: func() []sandbox.Sample {
			all := samples(100*time.Millisecond, 9*time.Second, func(time.Duration) sandbox.Breakdown {
				return sandbox.Breakdown{Anon: 12 * mib, File: 30 * mib, Kernel: mib}
			})
			for i, used := 0, int64(0); i < len(all); i++ {
				if i%10 == 9 { // a look every second
					if used += 22 * mib; i == 49 {
						used /= 2
					}
				}
				if i >= 9 {
					all[i].Disk = new(used)
				}
			}
			return all
		}(),
		outcome: func() *sandbox.Outcome {
			o := lived(9100*time.Millisecond, 64*mib, 43*mib)
			o.Exit = &sandbox.Exit{Code: 137, Signal: "SIGKILL"}
			o.Stops = []sandbox.Stop{{Reason: sandbox.StopEvict, Signal: "SIGKILL", Time: begun.Add(9 * time.Second)}}
			o.Disk = &sandbox.Disk{Limit: 100 * mib, Used: 143 * mib, Peak: 143 * mib, Layer: 140 * mib, Log: 3 * mib, Time: begun.Add(9 * time.Second),
				Largest: []sandbox.DirUse{{Path: "/tmp/\x1b[2Jcache", Bytes: 120 * mib}, {Path: "/root/" + strings.Repeat("a", 300), Bytes: 9 * mib}}}
			return o
		}(),
	}}},
	// It runs out of its GPU's memory, and not of its own.
	"gpu": {command: train, name: "python3", resources: resources.Resources{Memory: resources.Of("64Mi"), GPU: &resources.Device{Quantity: 1, Device: "A100_80G"}}, attempts: []try{{
		samples: samples(500*time.Millisecond, 9*time.Second, func(time.Duration) sandbox.Breakdown {
			return sandbox.Breakdown{Anon: 31 * mib, Kernel: mib}
		}),
		outcome: func() *sandbox.Outcome {
			o := lived(9200*time.Millisecond, 64*mib, 33*mib)
			o.Exit, o.Tail = &sandbox.Exit{Code: 1}, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.\n"
			return o
		}(),
		devices: []usage.Device{{ID: "GPU-2fd1", Type: "A100_80G", Name: "NVIDIA A100-SXM4-80GB", Memory: new(int64(80 << 30)), Baseline: new(int64(0))}},
		looks: func() []gpu.Look {
			var all []gpu.Look
			for i := range 9 {
				all = append(all, gpu.Look{Time: begun.Add(time.Duration(i)*time.Second + 300*time.Millisecond),
					Uses: []gpu.Use{{ID: "GPU-2fd1", Used: new(int64(i) * 8 << 30), Busy: new(float64(i) / 10)}}})
			}
			return append(all, gpu.Look{Time: begun.Add(9 * time.Second), XIDs: []gpu.XID{{GPU: "GPU-2fd1", Code: 13, Of: []gpu.ID{"GPU-2fd1"}}}},
				gpu.Look{Time: begun.Add(9 * time.Second), Problem: "no XIDs are heard any more: the GPU is lost"})
		}(),
	}}},
	// Everything that somebody else chose tries to be more than text.
	"hostile": {command: []string{"<script>alert(1)</script>", "\x1b[2J", "a\nb"}, name: `</title><b>"&'`, resources: memory("64Mi"), attempts: []try{{
		samples: samples(50*time.Millisecond, 100*time.Millisecond, grow(mib)),
		outcome: func() *sandbox.Outcome {
			o := oom(110*time.Millisecond, 64*mib, sandbox.Breakdown{Anon: 63 * mib})
			o.Victims[0] = sandbox.Victim{PID: 3, Name: "</svg><i>\x1b[2J", RSS: mib}
			o.Limits = []sandbox.Enforcement{{Limit: "<u>", State: "<s>", Why: "</table>"}}
			o.Tail = "\x1b]0;title\x07\x1b[31mred\x1b[0m </pre><script>\r10 %\r20 %\nright\u202eleft \x00\xff\n"
			return o
		}(),
	}}},
}

// long is a week with more samples than anybody can draw, and one peak.
func long(n int) *Report {
	week := 7 * 24 * time.Hour
	all := samples(week/time.Duration(n), week, func(at time.Duration) sandbox.Breakdown {
		return sandbox.Breakdown{Anon: 300*mib + int64(100*mib*math.Sin(at.Hours())), File: 200 * mib, Kernel: 9 * mib}
	})
	peak := &all[n/3]
	peak.Memory, peak.Breakdown = 900*mib, &sandbox.Breakdown{Anon: 890 * mib, Kernel: 10 * mib}
	o := lived(week, 1024*mib, 900*mib)
	v := executor.Judge(*o, executor.JudgeOptions{})
	a := Attempt{
		Number: 1, State: Ended, Outcome: o, Verdict: &v, Start: o.StartedAt, End: o.EndedAt, MemoryLimit: o.Memory.Limit, CPULimit: 1,
		Limits: enforcement, Points: points(begun, all, o, &v), Marks: marks(o, &v),
	}
	return &Report{ID: sceneID, Task: executor.Task{Command: train, Name: "train"}, Begun: begun, Attempts: []Attempt{a}}
}
