// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox"
)

func TestParseMountinfo(t *testing.T) {
	tests := []struct {
		name, mountinfo string
		want            Hierarchy
	}{
		{"pure v2", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			Hierarchy{Controllers: map[string]string{}, Unified: "/sys/fs/cgroup", Base: "drydock"}},
		{"hybrid, joint controllers, named hierarchy", strings.Join([]string{
			"31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
			"32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd",
			"33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
			"34 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
			"35 1 8:1 / / rw - ext4 /dev/vda rw", ""}, "\n"),
			Hierarchy{Base: "drydock", Unified: "/sys/fs/cgroup/unified", Controllers: map[string]string{
				"name=systemd": "/sys/fs/cgroup/systemd", "cpu": "/sys/fs/cgroup/cpu,cpuacct",
				"cpuacct": "/sys/fs/cgroup/cpu,cpuacct", "memory": "/sys/fs/cgroup/memory"}}},
		{"mounted twice: the first counts", "1 2 0:1 / /a rw - cgroup2 none rw\n1 2 0:1 / /b rw - cgroup2 none rw\n",
			Hierarchy{Controllers: map[string]string{}, Unified: "/a", Base: "drydock"}},
		{"garbage", "x\n - \n1 2 3 - cgroup\n", Hierarchy{Controllers: map[string]string{}, Base: "drydock"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseMountinfo(strings.NewReader(tt.mountinfo))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("parseMountinfo: %v\n%s", err, diff)
			}
		})
	}
}

// fakeGroup fills a directory as the kernel would.
func fakeGroup(t *testing.T, version int, files map[string]string) *Group {
	t.Helper()
	root := t.TempDir()
	h := Hierarchy{Version: version, Unified: root, Base: "drydock"}
	if version == 1 {
		h = Hierarchy{Version: 1, Controllers: map[string]string{}, Base: "drydock"}
		for _, c := range []string{"memory", "cpuacct", "pids"} {
			h.Controllers[c] = filepath.Join(root, c)
		}
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return h.Group("x.1")
}

func v1Files() map[string]string {
	return map[string]string{
		"memory/drydock/x.1/memory.stat":                        "cache 1\nrss 1\nshmem 0\nmapped_file 1\nhierarchical_memory_limit 67108864\ntotal_cache 3000\ntotal_rss 5000\ntotal_shmem 1000\n",
		"memory/drydock/x.1/memory.oom_control":                 "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
		"memory/drydock/x.1/memory.usage_in_bytes":              "9000\n",
		"memory/drydock/x.1/memory.max_usage_in_bytes":          "67108864\n",
		"memory/drydock/x.1/memory.failcnt":                     "0\n",
		"memory/drydock/x.1/memory.limit_in_bytes":              "67108864\n",
		"memory/drydock/x.1/memory.kmem.usage_in_bytes":         "700\n",
		"memory/drydock/x.1/memory.kmem.max_usage_in_bytes":     "700\n",
		"memory/drydock/x.1/memory.kmem.failcnt":                "0\n",
		"memory/drydock/x.1/memory.kmem.limit_in_bytes":         "9223372036854771712\n",
		"memory/drydock/x.1/memory.kmem.tcp.usage_in_bytes":     "0\n",
		"memory/drydock/x.1/memory.kmem.tcp.max_usage_in_bytes": "0\n",
		"memory/drydock/x.1/memory.kmem.tcp.failcnt":            "0\n",
		"memory/drydock/x.1/memory.kmem.tcp.limit_in_bytes":     "0\n",
		"cpuacct/drydock/x.1/cpuacct.usage":                     "1500000000\n",
		"cpuacct/drydock/x.1/cpuacct.stat":                      "user 100\nsystem 50\n",
		"cpuacct/drydock/x.1/cpuacct.usage_percpu":              "1000000000 500000000\n",
		"pids/drydock/x.1/pids.current":                         "3\n",
		"pids/drydock/x.1/pids.max":                             "64\n",
		"pids/drydock/x.1/pids.peak":                            "9\n",
		"pids/drydock/x.1/pids.events":                          "max 4\n",
	}
}

func v2Files() map[string]string {
	return map[string]string{
		"drydock/x.1/memory.stat":        "anon 5000\nfile 4000\nshmem 1000\nkernel 700\nslab 1\n",
		"drydock/x.1/memory.events":      "low 0\nhigh 6\nmax 21\noom 1\noom_kill 3\noom_group_kill 1\n",
		"drydock/x.1/memory.current":     "9700\n",
		"drydock/x.1/memory.max":         "67108864\n",
		"drydock/x.1/memory.peak":        "67108864\n",
		"drydock/x.1/memory.oom.group":   "1\n",
		"drydock/x.1/cpu.stat":           "usage_usec 1500000\nuser_usec 1\nsystem_usec 1\n",
		"drydock/x.1/pids.peak":          "9\n",
		"drydock/x.1/pids.events":        "max 4\n",
		"drydock/x.1/hugetlb.2MB.events": "max 5\n",
	}
}

func TestTotals(t *testing.T) {
	tests := []struct {
		name string
		g    *Group
		want Totals
	}{
		{"v1", fakeGroup(t, 1, v1Files()), Totals{OOMKill: 2, MemoryPeak: 64 << 20, CPUSeconds: 1.5, PidsPeak: 9, PidsRefused: 4}},
		{"v2", fakeGroup(t, 2, v2Files()), Totals{OOMKill: 3, OOM: 1, OOMGroupKill: 1, Max: 21, High: 6, MemoryPeak: 64 << 20, CPUSeconds: 1.5, PidsPeak: 9, PidsRefused: 4, HugetlbRefused: 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.g.Totals()
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("Totals: %v\n%s", err, diff)
			}
			kills, err := tt.g.OOMKills()
			if err != nil || kills != tt.want.OOMKill {
				t.Errorf("OOMKills = %d, %v; want %d", kills, err, tt.want.OOMKill)
			}
		})
	}
}

// Counters that are gone must be an error: nobody may read them as zero.
func TestTotalsOfGoneGroup(t *testing.T) {
	for _, version := range []int{1, 2} {
		g := fakeGroup(t, version, nil)
		if totals, err := g.Totals(); err == nil {
			t.Errorf("v%d: Totals of a group that is not there = %+v, no error", version, totals)
		}
	}
}

func TestMeter(t *testing.T) {
	for version, files := range map[int]map[string]string{1: v1Files(), 2: v2Files()} {
		m, err := fakeGroup(t, version, files).Meter()
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		s, err := m.Sample()
		if err != nil {
			t.Fatal(err)
		}
		wantFile := map[int]int64{1: 2000, 2: 3000}[version]
		want := &sandbox.Breakdown{Anon: 5000, File: wantFile, Shmem: 1000, Kernel: 700}
		if diff := cmp.Diff(want, s.Breakdown); diff != "" || s.CPUSeconds != 1.5 {
			t.Errorf("v%d: cpu %v, breakdown\n%s", version, s.CPUSeconds, diff)
		}
		if s.Pressure != nil {
			t.Errorf("v%d: pressure %+v without the files", version, s.Pressure)
		}
	}
}

// Pressure is the attempt's own on every machine with a unified hierarchy,
// hybrid ones included; pure v1 has none.
func TestMeterPressure(t *testing.T) {
	const memory = "some avg10=1.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"
	v1, v2 := v1Files(), v2Files()
	v1["unified/drydock/x.1/memory.pressure"], v2["drydock/x.1/memory.pressure"] = memory, memory
	v2["drydock/x.1/cpu.pressure"] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n" // before Linux 5.13
	hybrid := fakeGroup(t, 1, v1)
	hybrid.h.Unified = filepath.Join(filepath.Dir(hybrid.h.Controllers["memory"]), "unified")
	stall := &sandbox.Stall{Some: 1.5, Full: 0.25}
	for name, tt := range map[string]struct {
		g    *Group
		want *sandbox.Pressure
	}{
		"v1":     {fakeGroup(t, 1, v1), nil},
		"hybrid": {hybrid, &sandbox.Pressure{Memory: stall}},
		"v2":     {fakeGroup(t, 2, v2), &sandbox.Pressure{Memory: stall, CPU: &sandbox.Stall{Some: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := tt.g.Meter()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			s, err := m.Sample()
			if diff := cmp.Diff(tt.want, s.Pressure); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestParseStall(t *testing.T) {
	for text, want := range map[string]*sandbox.Stall{
		"":             nil,
		"some\nfull\n": nil,
		"some avg10=0.00 total=-1\nfull total=x\n":                   nil,
		"some avg10=0.00 total=7\nfull total=18446744073709551616\n": {Some: 7e-6},
		"full total=1000000": {Full: 1},
	} {
		if diff := cmp.Diff(want, parseStall(text)); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestUnifiedFiles(t *testing.T) {
	l := sandbox.Limits{Memory: 64 << 20, GroupKill: true, CPUShares: 512, CPUQuota: 50000, CPUPeriod: 100000, Pids: 7}
	got := map[string]string{}
	for _, f := range unifiedFiles(l) {
		got[f.name] = f.value
	}
	want := map[string]string{
		"memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1",
		"cpu.weight": "20", // the pod's on a real node: cluster-truth §5, Guaranteed 500m
		"cpu.max":    "50000 100000", "pids.max": "7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if files := unifiedFiles(sandbox.Limits{}); len(files) != 0 {
		t.Errorf("no limits write %v", files)
	}
}

func TestRuntimeMemory(t *testing.T) {
	v1, v2 := Hierarchy{Version: 1}.Group("x"), Hierarchy{Version: 2}.Group("x")
	if got := v1.RuntimeMemory(4096); got != 4096 {
		t.Errorf("v1: %d", got)
	}
	if got := v2.RuntimeMemory(4096); got != 4096+pageSize {
		t.Errorf("v2: %d, want a page more, so that the owner's oom.group counts", got)
	}
	if got := v2.RuntimeMemory(0); got != 0 {
		t.Errorf("no limit became %d", got)
	}
}

func TestRemoveTree(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a")
	if err := os.MkdirAll(filepath.Join(dir, "b", "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := removeTree(dir); err != nil {
		t.Fatal(err)
	}
	if err := removeTree(dir); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}

func TestOwnPath(t *testing.T) {
	table := "4:memory:/a/b\n3:cpu,cpuacct:/c\n1:name=systemd:/s\n0::/u:v\n"
	for controller, want := range map[string]string{"memory": "/a/b", "cpuacct": "/c", "": "/u:v"} {
		if got, ok := ownPath(table, controller); !ok || got != want {
			t.Errorf("%q is in %q, want %q", controller, got, want)
		}
	}
	if _, ok := ownPath(table, "pids"); ok {
		t.Error("found a hierarchy that is not there")
	}
}
