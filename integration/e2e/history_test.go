// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// listed is what ps --json says about a task.
type listed struct {
	ID, Name, Status, Verdict string
	Waiting                   string
	Attempts                  []struct {
		Number int
		Now    *struct{ Memory int64 }
	}
}

// ps lists all tasks, the newest first.
func (h home) ps(t testing.TB) []listed {
	t.Helper()
	return listedIn(t, h.run(t, listAll...))
}

var listAll = []string{"ps", "-a", "--limit", "0", "--json"}

// listedIn is what ps printed.
func listedIn(t testing.TB, r result) []listed {
	t.Helper()
	if r.exit != 0 || r.stderr != "" {
		t.Fatalf("ps: exit %d\n%s", r.exit, r.stderr)
	}
	var all []listed
	for line := range strings.Lines(r.stdout) {
		var l listed
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

// status is how the only task stands; nothing when there is none yet.
func (h home) status(t testing.TB) listed {
	t.Helper()
	all := h.ps(t)
	if len(all) == 0 {
		return listed{}
	}
	if len(all) > 1 {
		t.Fatalf("%d tasks: %v", len(all), all)
	}
	return all[0]
}

// untilStatus waits until the only task stands so.
func (h home) untilStatus(t testing.TB, status string) listed {
	t.Helper()
	var last listed
	within(t, hang/2, "the task never was "+status, func() bool { last = h.status(t); return last.Status == status })
	return last
}

// ticking prints a line every tenth of a second.
const ticking = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done"

// A task in another terminal is listed with what it uses, its output is
// followed to the end, and stop ends it: everybody who waits is told alike.
func TestStopOther(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "64Mi", "--name", "ticker", "--json", "--", "sh", "-c", "trap 'echo bye; exit 7' TERM; "+ticking)
	c.waitFor(t, "tick 5")
	l := h.untilStatus(t, "running")
	if l.Name != "ticker" || len(l.Attempts) != 1 || l.Attempts[0].Now == nil || l.Attempts[0].Now.Memory <= 0 {
		t.Errorf("ps says %+v", l)
	}
	logs := h.start(t, "logs", "last", "-f", "--tail", "1")
	waits := h.start(t, "wait", "last", "--json")
	attached := h.start(t, "attach", "last")
	logs.waitFor(t, "tick")
	attached.waitFor(t, "tick")

	stop := h.run(t, "stop", "last", "--json")
	stop.want(t, 0, "aborted")
	c.end(t).want(t, 143, "aborted")
	waits.end(t).want(t, 143, "aborted")
	r := attached.end(t)
	r.want(t, 143, "")
	if !strings.Contains(r.stderr, "the task was stopped on request") {
		t.Errorf("attach says %q", r.stderr)
	}
	r = logs.end(t)
	r.want(t, 0, "")
	if !strings.HasSuffix(r.stdout, "bye\n") || strings.Contains(r.stdout, "tick 1\n") {
		t.Errorf("logs -f --tail 1 printed %q", r.stdout)
	}
	if l := h.status(t); l.Status != "ended" || l.Verdict != "aborted" {
		t.Errorf("ps says %+v", l)
	}
	h.run(t, "stop", "last", "--json").want(t, 0, "aborted") // it has ended already
}

// A task whose drydock was killed is listed, followed, and ended as any other.
func TestOrphans(t *testing.T) {
	for _, tc := range []struct {
		name    string
		command []string
		exit    int
		program string
		verdict string
	}{
		{"wait", []string{"wait", "last", "--json"}, 3, "echo one; " + untilGate + "exit 3", "failed"},
		{"attach", []string{"attach", "last", "--json"}, 3, "echo one; " + untilGate + "exit 3", "failed"},
		{"stop", []string{"stop", "last", "--grace", "10s", "--json"}, 0, "echo one; trap 'exit 5' TERM; " + ticking, "aborted"},
		{"kill", []string{"kill", "last", "--json"}, 0, "echo one; trap '' TERM; " + ticking, "aborted"},
		{"wait for an oom", []string{"wait", "last", "--json"}, 137, "echo one; " + untilGate + "exec tail /dev/zero", "oom"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			h := newHome(t)
			c := h.start(t, "run", "--memory", "64Mi", "--", "sh", "-c", tc.program)
			c.waitFor(t, "one")
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			c.end(t)
			h.untilStatus(t, "running")
			follower := h.start(t, tc.command...)
			if tc.name == "attach" {
				follower.waitFor(t, "one") // to one that has ended nobody attaches
			}
			h.openGate(t)
			follower.end(t).want(t, tc.exit, tc.verdict)
			l := h.status(t)
			if l.Status != "ended" || l.Verdict != tc.verdict {
				t.Errorf("ps says %+v", l)
			}
			if !exists(filepath.Join(h.state(), "tasks", l.ID, "ended.json")) {
				t.Error("the end was not recorded")
			}
		})
	}
}

// When everything that knew of a task was killed, the next look finds out that
// its verdict is unknown, and what it left is gone.
func TestLost(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "64Mi", "--", "sh", "-c", "echo one; sleep 40")
	c.waitFor(t, "one")
	shim := shimOf(t, c.Process.Pid)
	for _, pid := range []int{c.Process.Pid, shim} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	c.end(t)
	if l := h.untilStatus(t, "ended"); l.Verdict != "unknown" {
		t.Errorf("ps says %+v", l)
	}
	h.run(t, "wait", "last", "--json").want(t, 125, "unknown")
}

// A task that waits for its next attempt is queued. logs -f goes on with that
// attempt, and stop takes the task out of the queue.
func TestBetweenAttempts(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	file := filepath.Join(h.work(t), "tasks.yaml")
	write := func(backoff string) {
		t.Helper()
		text := fmt.Sprintf("tasks:\n  fails: {command: [sh, -c, 'echo try; exit 3'], resources: {memory: 64Mi}, retries: {count: 1, backoff: %s}}\n", backoff)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("2s")
	c := h.start(t, "run", "-f", file, "fails", "--json")
	c.waitFor(t, "try")
	logs := h.run(t, "logs", "last", "-f")
	logs.want(t, 0, "")
	if logs.stdout != "try\ntry\n" {
		t.Errorf("logs -f printed %q", logs.stdout)
	}
	c.end(t).want(t, 3, "failed")
	h.run(t, "prune", "--all").want(t, 0, "")

	write("1h")
	c = h.start(t, "run", "-f", file, "fails", "--json")
	within(t, hang/2, "it never waited for its next attempt", func() bool {
		l := h.status(t)
		return l.Status == "queued" && l.Waiting == "its next attempt"
	})
	h.run(t, "stop", "last", "--json").want(t, 0, "aborted")
	c.end(t).want(t, 143, "aborted")
}

// A task that waits for room says what for, and stop takes it out of the queue;
// what it waited for goes on.
func TestStopQueued(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	all := fmt.Sprint(runtime.NumCPU())
	first := h.start(t, "run", "--cpu", all, "--memory", "64Mi", "--json", "--", "sh", "-c", ticking)
	first.waitFor(t, "tick 1")
	running := h.status(t).ID
	second := h.start(t, "run", "--cpu", all, "--memory", "64Mi", "--json", "--", "true")
	var queued listed
	within(t, hang/2, "the second task never was queued", func() bool {
		queued = h.ps(t)[0]
		return queued.Status == "queued" && queued.Waiting != ""
	})
	if !strings.Contains(queued.Waiting, "cpu") || !strings.Contains(queued.Waiting, running) {
		t.Errorf("it waits for %q", queued.Waiting)
	}
	h.run(t, "stop", queued.ID, "--json").want(t, 0, "aborted")
	second.end(t).want(t, 143, "aborted")
	if l := h.ps(t)[1]; l.Status != "running" {
		t.Errorf("the first task: %+v", l)
	}
	h.run(t, "kill", running).want(t, 0, "")
	first.end(t).want(t, 143, "aborted")
}

// prune removes what has ended, and never what runs, even with --all.
func TestPrune(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	h.run(t, "run", "--memory", "64Mi", "--", "echo", "gone").want(t, 0, "")
	c := h.start(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", ticking)
	c.waitFor(t, "tick 3")
	if all := h.ps(t); len(all) != 2 {
		t.Fatalf("ps says %+v", all)
	}
	r := h.run(t, "prune", "--all")
	r.want(t, 0, "")
	if !strings.HasPrefix(r.stdout, "removed 1 task, ") {
		t.Errorf("prune says %q", r.stdout)
	}
	if l := h.status(t); l.Status != "running" {
		t.Errorf("ps says %+v", l)
	}
	h.run(t, "kill", "last").want(t, 0, "")
	c.end(t).want(t, 143, "aborted")
}

// rerun runs the same once more, with its directory and mounts, and other
// resources where it is told so.
func TestRerun(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	data := filepath.Join(h.dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "file"), []byte("mounted\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := h.prepare(t, "run", "--memory", "64Mi", "-v", data+":/tmp/data:ro", "-e", "WORD=first", "--json", "--",
		"sh", "-c", "cat /tmp/data/file; echo $WORD; pwd; exec tail /dev/zero")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	run.end(t).want(t, 137, "oom")
	again := h.prepare(t, "rerun", "last", "--override", "memory=96Mi", "--json")
	again.Dir = "/"
	again.Env = append(again.Env, "WORD=second")
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	r := again.end(t)
	r.want(t, 137, "oom")
	if want := "mounted\nsecond\n" + h.work(t) + "\n"; r.output("stdout") != want {
		t.Errorf("it printed %q, want %q", r.output("stdout"), want)
	}
	if got := r.ended.Attempts[0].Resources.Memory.Limit; got != "96Mi" {
		t.Errorf("the limit is %s", got)
	}
}

// Ctrl-C ends the looking on, never the task.
func TestDetach(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "64Mi", "--", "sh", "-c", ticking)
	c.waitFor(t, "tick 3")
	id := h.status(t).ID
	h.run(t, "run", "--memory", "64Mi", "--", "true").want(t, 0, "")
	over := h.ps(t)[0].ID // wait tells its end at once, and waits on
	for _, tc := range []struct {
		args []string
		says string
		exit int
	}{
		{[]string{"attach", id}, "tick", 0},
		{[]string{"logs", id, "-f"}, "tick", 130},
		{[]string{"wait", over, id}, over, 130},
	} {
		looks := h.start(t, tc.args...)
		looks.waitFor(t, tc.says)
		if err := looks.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		looks.end(t).want(t, tc.exit, "")
		if l := h.ps(t)[1]; l.ID != id || l.Status != "running" {
			t.Errorf("after %s: %+v", tc.args[0], l)
		}
	}
	h.run(t, "kill", id).want(t, 0, "")
	c.end(t).want(t, 143, "")
}

// onTerminal begins `drydock ARGS` on a terminal of its own, whose keys are
// pressed by writing to person.
func (h home) onTerminal(t testing.TB, args ...string) (c *command, person *os.File) {
	t.Helper()
	c = h.prepare(t, args...)
	person, terminal := openPTY(t)
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}); err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	c.Env = append(c.Env, "TERM=xterm-256color", "COLUMNS=")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	c.shown = make(chan struct{})
	go func() {
		defer close(c.shown)
		_, _ = io.Copy(c.out, person)
	}()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	return c, person
}

// top shows what runs until q is pressed, and gives the terminal back.
func TestTop(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	run := h.start(t, "run", "--memory", "64Mi", "--name", "ticker", "--", "sh", "-c", ticking)
	run.waitFor(t, "tick 3")
	c, person := h.onTerminal(t, "top", "--interval", "100ms")
	c.waitFor(t, "ticker")
	if _, err := person.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	c.end(t).want(t, 0, "")
	out := c.out.String()
	for _, want := range []string{"1 running, 0 queued", "of 64 MiB", "\x1b[?1049h", "\x1b[?1049l"} { // the alternate screen, and back
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in %q", want, out)
		}
	}
	r := h.run(t, "top", "--once", "--json")
	r.want(t, 0, "")
	if !strings.Contains(r.stdout, `"name":"ticker","status":"running"`) {
		t.Errorf("top --json says %s", r.stdout)
	}
	h.run(t, "kill", "last").want(t, 0, "")
	run.end(t).want(t, 143, "")
}

// What draws top must not ask the terminal anything in other commands: they
// would wait for the answer, and swallow what is typed meanwhile.
func TestTerminalLeftAlone(t *testing.T) {
	h := newHome(t)
	c, _ := h.onTerminal(t, "version")
	c.end(t).want(t, 0, "")
	if out := c.out.String(); !strings.Contains(out, "drydock") || strings.ContainsRune(out, '\x1b') {
		t.Errorf("the terminal got %q", out)
	}
}
