// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
)

func testSpec() sandbox.Spec {
	return sandbox.Spec{
		ID: "01JZZZZZZZZZZZZZZZZZZZZZZZ", Attempt: 2, Dir: "/state/tasks/x/attempts/2", Image: "python:3.12",
		Args: []string{"train.py"}, Env: []string{"TOKEN=secret"}, Network: sandbox.NetworkNone,
		Limits: sandbox.Limits{
			CPUShares: 512, CPUQuota: 150_000, CPUPeriod: 100_000,
			Memory: 64 << 20, GroupKill: true, ShmSize: 16 << 20, Pids: 100, OOMScoreAdj: 500,
		},
	}
}

// Each of a spec's limits has one name with the engine, and those that would
// weaken it have none.
func TestContainer(t *testing.T) {
	want := engine.Container{
		Name: "drydock-01JZZZZZZZZZZZZZZZZZZZZZZZ.2", Image: "sha256:1", Args: []string{"train.py"},
		Env:     []string{"TOKEN=secret"},
		Network: "none", CapDrop: []string{"ALL"}, CapAdd: defaultCaps, NoNewPrivileges: true,
		ShmSize: 16 << 20, Memory: 64 << 20, MemorySwap: 64 << 20, CPUShares: 512, CPUQuota: 150_000, CPUPeriod: 100_000,
		Pids: 100, OOMScoreAdj: 500, Ulimits: []engine.Ulimit{{Name: "core"}}, LogDriver: "none",
	}
	if diff := cmp.Diff(want, container(testSpec(), "sha256:1")); diff != "" {
		t.Error(diff)
	}
}

func TestContainerChoices(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*sandbox.Spec)
		right  func(engine.Container) bool
	}{
		"no quota, no period": {func(s *sandbox.Spec) { s.Limits.CPUQuota = 0 },
			func(c engine.Container) bool { return c.CPUQuota == 0 && c.CPUPeriod == 0 }},
		"a bridge unless something else is asked": {func(s *sandbox.Spec) { s.Network = "" },
			func(c engine.Container) bool { return c.Network == "bridge" }},
		"capabilities as on a cluster": {func(s *sandbox.Spec) { s.Caps = sandbox.CapsCluster },
			func(c engine.Container) bool { return len(c.CapAdd) == 14 && !c.NoNewPrivileges }},
		"no capabilities": {func(s *sandbox.Spec) { s.Caps = sandbox.CapsRestricted },
			func(c engine.Container) bool { return len(c.CapAdd) == 0 && c.NoNewPrivileges }},
		"command and args": {func(s *sandbox.Spec) { s.Entrypoint, s.Args = []string{"python3"}, nil },
			func(c engine.Container) bool { return slices.Equal(c.Entrypoint, []string{"python3"}) && c.Args == nil }},
		"open files": {func(s *sandbox.Spec) { s.Limits.NoFile = 77 },
			func(c engine.Container) bool { return c.Ulimits[1].Name == "nofile" && c.Ulimits[1].Soft == 77 }},
	} {
		t.Run(name, func(t *testing.T) {
			spec := testSpec()
			tc.change(&spec)
			if c := container(spec, "sha256:1"); !tc.right(c) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// What anybody may read holds no value of the environment.
func TestLabelsHoldNoSecrets(t *testing.T) {
	text, err := json.Marshal(labels(testSpec(), "/leases"))
	if err != nil || strings.Contains(string(text), "secret") || !strings.Contains(string(text), "01JZZZZZZZZZZZZZZZZZZZZZZZ") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestHidden(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "a", "state")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ source, want string }{
		{dir, "/in/a/state"}, {filepath.Join(dir, "a"), "/in/state"}, {state, ""}, {filepath.Join(state, "b"), ""}, {t.TempDir(), ""},
	} {
		got := hidden(sandbox.Mount{Source: tc.source, Target: "/in"}, []string{state, filepath.Join(dir, "gone")})
		if (tc.want == "") != (len(got) == 0) || len(got) > 0 && got[0].Target != tc.want {
			t.Errorf("below %s: %+v, want %q", tc.source, got, tc.want)
		}
	}
}

// drydock's own files below a mount are out of sight, by whatever name it is
// mounted.
func TestStateIsHidden(t *testing.T) {
	top := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	dir := filepath.Join(top, "state", "tasks", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "attempts", "1")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Symlink(top, link)); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string][]string{top: {"/in/state"}, link: {"/in/state"}, filepath.Join(top, "state"): nil, dir: nil} {
		c := container(sandbox.Spec{Dir: dir, Mounts: []sandbox.Mount{{Source: source, Target: "/in"}}}, "image")
		var got []string
		for _, fs := range c.Tmpfs {
			got = append(got, fs.Target)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: hidden is %q, want %q", source, got, want)
		}
	}
}

func TestOwnable(t *testing.T) {
	h := cgroup.Hierarchy{Version: 1, Controllers: map[string]string{"memory": t.TempDir()}}
	local := engine.Info{Local: true, CgroupDriver: "cgroupfs", CgroupVersion: 1}
	for name, tc := range map[string]struct {
		change func(*engine.Info)
		words  string
	}{
		"ours":              {func(*engine.Info) {}, ""},
		"far away":          {func(i *engine.Info) { i.Local, i.Remote = false, "it is reached over the network" }, "over the network"},
		"rootless":          {func(i *engine.Info) { i.Rootless = true }, "rootless"},
		"systemd":           {func(i *engine.Info) { i.CgroupDriver = "systemd" }, "systemd"},
		"of another world":  {func(i *engine.Info) { i.CgroupVersion = 2 }, "another version"},
		"without its words": {func(i *engine.Info) { i.CgroupVersion = 0 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			info := local
			tc.change(&info)
			err := ownable(info, h)
			if (err == nil) != (tc.words == "") || err != nil && !strings.Contains(err.Error(), tc.words) {
				t.Errorf("got %v, want %q", err, tc.words)
			}
		})
	}
}

// Nothing is silent: what is not the kernel's doing is said, with the reason.
func TestEnforcement(t *testing.T) {
	info := engine.Info{Local: true, MemoryLimit: true, SwapLimit: true, CPUQuota: true, CPUShares: true, PidsLimit: true}
	states := func(host hostAccess, spec sandbox.Spec) map[string]sandbox.EnforceState {
		all := map[string]sandbox.EnforceState{}
		for _, e := range enforcement(info, host, spec) {
			all[e.Limit] = e.State
			if e.State != sandbox.Enforced && e.Why == "" {
				t.Errorf("%s is %s, and nothing says why", e.Limit, e.State)
			}
		}
		return all
	}
	owned := states(hostAccess{owned: true, hierarchy: cgroup.Hierarchy{Version: 2}}, testSpec())
	if owned["group-kill"] != sandbox.Enforced || owned["oom-evidence"] != "" || owned["memory"] != sandbox.Enforced {
		t.Errorf("on v2: %v", owned)
	}
	if v1 := states(hostAccess{owned: true, hierarchy: cgroup.Hierarchy{Version: 1}}, testSpec()); v1["group-kill"] != sandbox.Emulated {
		t.Errorf("on v1: %v", v1)
	}
	far := states(hostAccess{why: "it is far"}, testSpec())
	if far["group-kill"] != sandbox.Emulated || far["oom-evidence"] != sandbox.Emulated {
		t.Errorf("by the engine alone: %v", far)
	}
	spec := testSpec()
	spec.Limits.Disk, spec.Network = 1, sandbox.NetworkHost
	if all := states(hostAccess{why: "it is far"}, spec); all["disk"] != sandbox.NotEnforced || all["abstract-sockets"] != sandbox.NotEnforced {
		t.Errorf("what is not held: %v", all)
	}
}

func TestExitByCode(t *testing.T) {
	for code, signal := range map[int]string{0: "", 1: "", 42: "", 128: "", 137: "SIGKILL", 135: "SIGBUS", 139: "SIGSEGV", 143: "SIGTERM", 255: ""} {
		if got := exitByCode(code); got.Code != code || got.Signal != signal {
			t.Errorf("%d is %+v, want signal %q", code, got, signal)
		}
	}
}

func TestCutLast(t *testing.T) {
	for name, want := range map[string][2]string{"01J.2": {"01J", "2"}, "a.b.3": {"a.b", "3"}, "none": {"none", ""}} {
		if id, attempt, _ := cutLast(name); [2]string{id, attempt} != want {
			t.Errorf("%s: %s, %s", name, id, attempt)
		}
	}
}
