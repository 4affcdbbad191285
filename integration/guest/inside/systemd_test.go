// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root  = "/sys/fs/cgroup"
	scope = root + "/drydock.slice/drydock.scope"
)

// limits are the files that hold a running task's limits, by name.
func limits(t *testing.T) map[string]string {
	t.Helper()
	found, err := filepath.Glob(scope + "/drydock/*.1")
	if err != nil || len(found) != 1 {
		t.Fatalf("the tasks of %s are %q, want one", scope, found)
	}
	files := map[string]string{}
	for _, name := range []string{
		"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight", "pids.max", "cgroup.controllers",
		"task/memory.max", "task/cpu.max", "task/pids.max", "task/hugetlb.2MB.max",
	} {
		files[name] = read(t, filepath.Join(found[0], name))
	}
	return files
}

// Whatever systemd reads or becomes anew, a task keeps its limits, and its end
// is told rightly.
func TestReload(t *testing.T) {
	systemd(t)
	r := start(t, nil, append([]string{"--memory", "64Mi", "--cpu", "500m", "--"}, untilGate()...)...)
	r.says(t, `ready\n`)
	before := limits(t)
	if before["memory.max"] != "67108864" || before["memory.oom.group"] != "1" || before["cpu.max"] != "50000 100000" {
		t.Errorf("the limits are not those that were asked for: %v", before)
	}
	for _, what := range []string{"daemon-reload", "daemon-reexec"} {
		command(t, "systemctl", what)
		for name, was := range before {
			if is := limits(t)[name]; is != was {
				t.Errorf("%s: %s was %q and is %q", what, name, was, is)
			}
		}
	}
	r.open(t)
	if verdict, code := r.verdict(t); verdict != "oom" || code != "OOMKilled" {
		t.Errorf("the verdict is %q, %q\n%s", verdict, code, r.out.String())
	}
}

// With the last task the scope goes, and whatever was turned on for it.
func TestNothingStays(t *testing.T) {
	systemd(t)
	r := start(t, nil, "--memory", "64Mi", "--", hog(), "exit", "0")
	if verdict, _ := r.verdict(t); verdict != "succeeded" {
		t.Errorf("the verdict is %q", verdict)
	}
	within(t, "the scope is still there", func() bool {
		_, err := os.Stat(scope)
		return errors.Is(err, os.ErrNotExist)
	})
	within(t, "systemd still knows the scope", func() bool {
		return command(t, "systemctl", "list-units", "--all", "--no-legend", "drydock*.scope") == ""
	})
}

// Whatever drydock was started in takes no task along when it ends. A polite
// end is one for drydock, which stops the task in order; when all of it is
// killed, the task runs on to its own end. Either way the verdict is told.
func TestStarterEnds(t *testing.T) {
	systemd(t)
	for _, starter := range []struct {
		name   string
		around []string
	}{
		{"login session", []string{"su", "--login", "--command", `exec "$0" "$@"`, "--", "root"}},
		{"service", []string{"systemd-run", "--quiet", "--collect", "--pipe", "--unit=starter"}},
		{"scope", []string{"systemd-run", "--quiet", "--collect", "--scope", "--unit=starter"}},
	} {
		for _, end := range []struct {
			name, verdict string
			command       []string
		}{
			{"stopped", "aborted", []string{"systemctl", "stop"}},
			{"killed", "oom", []string{"systemctl", "kill", "--signal=SIGKILL"}},
		} {
			t.Run(starter.name+" "+end.name, func(t *testing.T) {
				r := start(t, starter.around, append([]string{"--memory", "64Mi", "--"}, untilGate()...)...)
				r.says(t, `ready\n`)
				command(t, append(end.command, filepath.Base(groupOf(t, "drydock")))...)
				_ = r.Wait()
				if end.verdict == "oom" {
					r.open(t)
				}
				var found []string
				within(t, "there is no verdict", func() bool {
					found, _ = filepath.Glob(filepath.Join(r.state, "tasks", "*", "attempts", "1", "verdict.json"))
					return len(found) == 1
				})
				if content := read(t, found[0]); !strings.Contains(content, `"verdict": "`+end.verdict+`"`) {
					t.Errorf("want the verdict %q, got %s", end.verdict, content)
				}
			})
		}
	}
}

// groupOf finds the cgroup of the only process of this name.
func groupOf(t *testing.T, name string) string {
	t.Helper()
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range names {
		if comm, _ := os.ReadFile(path); strings.TrimSpace(string(comm)) == name {
			_, group, _ := strings.Cut(read(t, filepath.Join(filepath.Dir(path), "cgroup")), "::")
			return group
		}
	}
	t.Fatalf("no process %s", name)
	return ""
}

// The administrator's limit for everything that drydock runs is a budget: no
// task's own limit.
func TestSliceLimit(t *testing.T) {
	systemd(t)
	command(t, "systemctl", "set-property", "--runtime", "drydock.slice", "MemoryMax=40M")
	defer command(t, "systemctl", "set-property", "--runtime", "drydock.slice", "MemoryMax=infinity")
	r := start(t, nil, "--memory", "64Mi", "--", hog(), "touch", "60")
	if verdict, code := r.verdict(t); verdict != "machine-memory" || code != "MachineMemoryExhausted" {
		t.Errorf("the verdict is %q, %q\n%s", verdict, code, r.out.String())
	}
}

// What systemd does with a group at the top that it did not make, and which
// drydock therefore has not: it stays, and its controllers go.
func TestForeignGroup(t *testing.T) {
	systemd(t)
	group := filepath.Join(root, "foreign")
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(group) }()
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+cpu"), 0); err != nil {
		t.Fatal(err)
	}
	command(t, "systemctl", "daemon-reload")
	within(t, "systemd leaves the controllers as they are: a group at the top would do", func() bool {
		return !slices.Contains(strings.Fields(read(t, filepath.Join(group, "cgroup.controllers"))), "cpu")
	})
}
