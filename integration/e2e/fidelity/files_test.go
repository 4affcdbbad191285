// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
)

var _ = register(doing{
	"res-none":       files(resources.Resources{}),
	"res-mem-req":    files(resources.Resources{Memory: resources.Of("64Mi")}),
	"res-mem-lim":    files(resources.Resources{Memory: resources.Pair("64Mi", "64Mi")}),
	"res-mem-both":   files(resources.Resources{Memory: resources.Pair("32Mi", "64Mi")}),
	"res-guaranteed": files(resources.Resources{CPU: resources.Pair("500m", "500m"), Memory: resources.Pair("64Mi", "64Mi")}),
	// Where no limit is written Flyte makes it the request, and a thousandth of
	// a CPU is too little to get anything done.
	"cpu-requests": cpu(map[int]string{1: "cpu/cpu.shares", 2: "cpu.weight"}, map[string]resources.Range{
		"1m": resources.Pair("1m", "1"), "100m": resources.Pair("100m", "1"), "250m": resources.Pair("250m", "1"), "1": resources.Of("1"),
	}),
	"cpu-limits": cpu(map[int]string{1: "cpu/cpu.cfs_quota_us", 2: "cpu.max"}, map[string]resources.Range{
		"1m": resources.Pair("1m", "1m"), "100m": resources.Pair("100m", "100m"), "250m": resources.Pair("250m", "250m"),
		"2": resources.Pair("1m", "2"), "64": resources.Pair("1m", "64"),
	}),
	"pids": pids,
})

// cgroupFiles are what a container reads of its own group, by version.
var cgroupFiles = map[int][]string{
	1: {
		"cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "memory/memory.limit_in_bytes",
		"memory/memory.memsw.limit_in_bytes", "memory/memory.soft_limit_in_bytes", "memory/memory.swappiness",
		"pids/pids.max", "hugetlb/hugetlb.2MB.limit_in_bytes",
	},
	2: {
		"cpu.max", "cpu.weight", "memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max",
		"memory.oom.group", "pids.max", "hugetlb.2MB.max",
	},
}

// readGroup prints NAME=VALUE for each file of the group that is there. A v1
// hierarchy may be mounted where others are, too, with the group's path below.
func (l *lab) readGroup() string {
	return `for f in ` + strings.Join(cgroupFiles[l.Cgroup], " ") + `; do
	test -e /sys/fs/cgroup/$f && echo "${f##*/}=$(cat /sys/fs/cgroup/$f)"; done; `
}

// groupFacts reads what readGroup printed.
func groupFacts(f facts, out string) facts {
	for line := range strings.Lines(out) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		// On v1 the largest number of pages stands for no limit.
		if n, err := strconv.ParseUint(value, 10, 64); err == nil && n > 1<<62 {
			value = "unlimited"
		}
		f[name] = value
	}
	return f
}

// files is what a task finds in its cgroup.
func files(res resources.Resources) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		e := l.run(t, job{sh: l.readGroup() + "echo oom_score_adj=$(cat /proc/self/oom_score_adj)", res: res})
		if e.Verdict.Class != executor.Succeeded {
			t.Fatal(e.Verdict.Message)
		}
		f := groupFacts(facts{}, e.out)
		if l.Cgroup == 1 {
			return f
		}
		return with(f, "limit of the group above", fmt.Sprint(e.attempt(t).Outcome.Memory.Limit))
	}
}

// cpu looks at one file, named by cgroup version, for several amounts of CPU.
// Nothing but hog runs: with a thousandth of a CPU a shell would take minutes.
func cpu(files map[int]string, all map[string]resources.Range) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		file, f := files[l.Cgroup], facts{}
		for amount, cpu := range all {
			e := l.run(t, job{args: []string{"read", "/sys/fs/cgroup/" + file}, res: resources.Resources{CPU: cpu, Memory: resources.Of("32Mi")}})
			f[path.Base(file)+" of "+amount] = strings.TrimSpace(e.out)
		}
		return f
	}
}

// tuned is a sandbox that has its own mind about a Spec.
type tuned struct {
	sandbox.Sandbox
	tune func(*sandbox.Spec)
}

func (s tuned) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	s.tune(&spec)
	return s.Sandbox.Start(ctx, spec, streams)
}

// pids has a limit that no task can ask for, as a node's podPidsLimit.
func pids(t *testing.T, l *lab) facts {
	sb := tuned{l.sandbox, func(s *sandbox.Spec) { s.Limits.Pids = 64 }}
	// Below a shell, as on the kubelet: it and hog count, too.
	e := l.run(t, job{sh: l.readGroup() + "./hog forks 200; :",
		res: memory("64Mi"), sandbox: sb})
	f := groupFacts(facts{}, e.out)
	got := facts{"pids.max": f["pids.max"]}
	for line := range strings.Lines(e.out) {
		line = strings.TrimSpace(line)
		if _, err := strconv.Atoi(line); err == nil {
			got["started"] = line
		}
	}
	if e.attempt(t).Outcome.Pids.Refused > 0 { // for which fork has one answer
		got["refused with"] = "Resource temporarily unavailable"
	}
	return got
}
