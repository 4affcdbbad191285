// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
)

const sliceDir = "/sys/fs/cgroup/" + cgroup.Slice

// withSystemd needs an engine that asks the machine's systemd for cgroups.
func withSystemd(t *testing.T) *engines.Engine {
	t.Helper()
	need.Root(t)
	need.Cgroups(t)
	if h, err := cgroup.Detect(); err != nil || !h.ManagedBySystemd() {
		if !need.InGuest() {
			need.Gap(t, "needs systemd as the first process, and cgroup v2 (make test-v2 has them)")
		}
		need.Skip(t, "systemd", "needs systemd as the first process, and cgroup v2")
	}
	e := engines.Docker28(t)
	if driver := second(t, e).Info().CgroupDriver; driver != "systemd" {
		t.Fatalf("the engine's cgroup driver is %q", driver)
	}
	return e
}

func command(t testing.TB, words ...string) string {
	t.Helper()
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// budgetSlice is the group above all slices of attempts. A delegated unit in it
// keeps it, as native tasks do, and leaves systemd no reason to set its
// attributes anew, which the suite writes without it.
func budgetSlice(t testing.TB) string {
	t.Helper()
	command(t, "systemd-run", "--quiet", "--collect", "--unit=budget", "--slice="+cgroup.Slice, "--property=Delegate=yes", "sleep", "infinity")
	t.Cleanup(func() {
		command(t, "systemctl", "set-property", "--runtime", cgroup.Slice, "MemoryMax=infinity")
		command(t, "systemctl", "stop", "budget.service")
	})
	return sliceDir
}

// theSlice finds the group of the only attempt.
func theSlice(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob(sliceDir + "/drydock-*.slice")
	if len(found) != 1 {
		t.Fatalf("the slices are %q, want one", found)
	}
	return found[0]
}

// noSlice checks that neither systemd nor the kernel knows any.
func noSlice(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		dirs, _ := filepath.Glob(sliceDir + "/drydock-*")
		units := command(t, "systemctl", "list-units", "--all", "--no-legend", "drydock-*.slice")
		files, _ := filepath.Glob("/run/systemd/transient/drydock-*")
		if len(dirs) == 0 && units == "" && len(files) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are still %q, %q, %q", dirs, units, files)
		}
	}
}

// limitsIn are the files with the limits of an attempt, by name.
func limitsIn(t *testing.T, slice string) map[string]string {
	t.Helper()
	scope, _ := filepath.Glob(slice + "/docker-*.scope")
	if len(scope) != 1 {
		t.Fatalf("the container's groups are %q, want one", scope)
	}
	files := map[string]string{}
	for _, path := range []string{
		slice + "/memory.max", slice + "/memory.swap.max", slice + "/memory.oom.group", slice + "/cpu.max", slice + "/cpu.weight",
		slice + "/pids.max", slice + "/hugetlb.2MB.max", slice + "/cgroup.controllers",
		scope[0] + "/memory.max", scope[0] + "/cpu.max", scope[0] + "/pids.max",
	} {
		content, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(path, slice)] = strings.TrimSpace(string(content))
	}
	return files
}

// Whatever systemd reads or becomes anew, a task in a container keeps its
// limits, its end is told rightly, and its slice goes.
func TestSystemdReload(t *testing.T) {
	e := withSystemd(t)
	s := newSandbox(t, e, t.TempDir())
	spec := task(t, engines.Busybox(t, e), "echo up; read go; tail /dev/zero; echo survived")
	spec.Limits.CPUQuota, spec.Limits.CPUPeriod = 50000, 100000
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &ran{started: make(chan struct{})}
	if r.Running, err = s.Start(t.Context(), spec, sandbox.Streams{Stdin: in, Stdout: r}); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the attempt
		for range r.Events() {
		}
	}()
	r.says(t, "up")
	slice := theSlice(t)
	before := limitsIn(t, slice)
	for name, want := range map[string]string{
		"/memory.max": fmt.Sprint(64 * mib), "/memory.swap.max": "0", "/memory.oom.group": "1",
		"/cpu.max": "50000 100000", "/cpu.weight": "39", "/pids.max": "256", "/hugetlb.2MB.max": "0",
	} {
		if before[name] != want && (name != "/memory.swap.max" || before[name] != "") { // a kernel without swap has none
			t.Errorf("%s is %q, want %q", name, before[name], want)
		}
	}
	for _, what := range []string{
		"daemon-reload", "daemon-reexec",
		"set-property --runtime " + cgroup.Slice + " MemoryMax=1G", // the administrator's budget
		"set-property --runtime " + cgroup.Slice + " MemoryMax=infinity",
	} {
		command(t, append([]string{"systemctl"}, strings.Fields(what)...)...)
		for deadline := time.Now().Add(time.Minute); !maps.Equal(limitsIn(t, slice), before); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) { // memory.oom.group is written again, a moment later
				t.Fatalf("%s: the limits were %v and are %v", what, before, limitsIn(t, slice))
			}
		}
	}
	if _, err := hold.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	o := r.end(t)
	if o.Exit == nil || o.Exit.Signal != "SIGKILL" || o.Counters == nil || o.Counters.OOMKill < 1 || o.Counters.OOM < 1 || o.Counters.AncestorOOM ||
		o.Memory.Limit != 64*mib || o.Memory.Peak < 60*mib || o.Counters.Group != sandbox.GroupEnforced {
		t.Errorf("the outcome is %+v with %+v and %+v", o, o.Exit, o.Counters)
	}
	noSlice(t)
}

// A supervisor that is killed leaves nothing for long: the next who cleans
// stops its slice, too.
func TestSystemdSupervisorKilled(t *testing.T) {
	e := withSystemd(t)
	leases := t.TempDir()
	s := newSandbox(t, e, leases)
	r := start(t, s, task(t, engines.Busybox(t, e), "echo up; sleep 1000"))
	r.says(t, "up")
	theSlice(t)
	if err := unix.Kill(supervisor(t), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Wait() // its end is not known
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := docker.Clean(ctx, docker.Config{Engine: engine.Config{Host: e.Socket}, LeaseDir: leases}); err != nil {
		t.Error(err)
	}
	noSlice(t)
	if left := ours(t, second(t, e)); len(left) > 0 {
		t.Errorf("containers are left: %+v", left)
	}
}

// supervisor is the only one.
func supervisor(t *testing.T) int {
	t.Helper()
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range found {
		var pid int
		line, _ := os.ReadFile(path)
		if strings.Contains(string(line), "\x00"+docker.SupervisorArg) {
			if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err == nil {
				return pid
			}
		}
	}
	t.Fatal("no supervisor runs")
	return 0
}
