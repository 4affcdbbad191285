// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"drydock/internal/need"
)

// runnable needs the rights to run tasks: root's, or those of an ordinary user
// in a guest, where a systemd delegates cgroups.
func runnable(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 && need.InGuest() && need.CgroupVersion() == 2 {
		return
	}
	need.Root(t)
	need.Cgroups(t)
}

// ordinaryUser needs the test to run as one.
func ordinaryUser(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 || !need.InGuest() {
		need.Gap(t, "needs an ordinary user of a guest (make test-v2 has one)")
	}
}

// An ordinary user gets the cluster's verdict, and a second try.
func TestUserOOM(t *testing.T) {
	ordinaryUser(t)
	nothingLeft(t)
	h := newHome(t)
	r := h.run(t, "run", "--memory", "64Mi", "--retries", "1", "--json", "--", "sh", "-c", "./hog touch 100; echo survived")
	r.want(t, 137, "oom")
	if n := len(r.ended.Attempts); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
	if strings.Contains(r.output("stdout"), "survived") || !strings.Contains(r.stdout, `"group":"enforced"`) {
		t.Errorf("the kernel did not end the attempt as a whole:\n%s", r.stdout)
	}
}

// What users have not is said beforehand.
func TestUserDoctor(t *testing.T) {
	ordinaryUser(t)
	r := newHome(t).run(t, "doctor")
	r.want(t, 0, "")
	for _, line := range []string{"user-namespace", "subordinate-ids", "after-logout", "leases", "devices", "host-files"} {
		if !strings.Contains(r.stdout, line) {
			t.Errorf("doctor says nothing of %s:\n%s", line, r.stdout)
		}
	}
}

// Files of the user's subordinate ids, which the user may not remove, go all
// the same when their supervisor was killed.
func TestUserLeftovers(t *testing.T) {
	ordinaryUser(t)
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--user", "1234", "--memory", "64Mi", "--json", "--", "sh", "-c", "umask 077; mkdir /tmp/mine && touch /tmp/mine/file; echo ready; sleep 40")
	c.waitFor(t, "ready")
	layers := filepath.Join(h.state(), "tasks", firstID(t, c.out.String()), "attempts", "1", "layers")
	if !exists(layers) {
		t.Fatal("there are no layers")
	}
	if err := syscall.Kill(shimOf(t, c.Process.Pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.end(t).want(t, 125, "unknown")
	h.run(t, "doctor", "--clean").want(t, 0, "")
	if exists(layers) {
		t.Error("the layers are still there")
	}
}

// A task goes on when drydock dies, in the scope that drydock had; the scope
// goes with it.
func TestUserScope(t *testing.T) {
	ordinaryUser(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", "echo ready; "+untilGate+":")
	c.waitFor(t, "ready")
	group := ownGroup(t, shimOf(t, c.Process.Pid))
	if !strings.HasSuffix(filepath.Dir(group), ".scope") {
		t.Fatalf("the supervisor is in %s, which is no part of a scope", group)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.end(t)
	h.openGate(t)
	outcome := filepath.Join(h.state(), "tasks", firstID(t, c.out.String()), "attempts", "1", "outcome.json")
	within(t, hang/2, "no outcome.json: the supervisor did not finish", func() bool { return exists(outcome) })
	within(t, hang/2, "the scope is still there", func() bool { return !exists(filepath.Dir(group)) })
}

// A limit of the scope in which a user starts drydock is a budget for all
// tasks together.
func TestUserBudget(t *testing.T) {
	ordinaryUser(t)
	nothingLeft(t)
	h := newHome(t)
	c := h.prepare(t, "run", "--memory", "200Mi", "--json", "--", "./hog", "touch", "150")
	c.Args = append([]string{"systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes", "-p", "MemoryMax=100M", c.Path}, c.Args[1:]...)
	c.Path = need.Program(t, "systemd-run")
	c.Env = append(c.Env, "XDG_RUNTIME_DIR=/run/user/"+strconv.Itoa(os.Geteuid()))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r := c.end(t)
	r.want(t, 137, "machine-memory")
	if r.ended.Code != "MachineMemoryExhausted" {
		t.Errorf("the code is %q: %s", r.ended.Code, r.ended.Message)
	}
}

// ownGroup is the cgroup v2 directory of a process.
func ownGroup(t testing.TB, pid int) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(strings.TrimSpace(string(data)), "::")
	return filepath.Join("/sys/fs/cgroup", path)
}
