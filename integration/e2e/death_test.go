// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drydock/internal/failpoint"
	"drydock/internal/leftover"
	"drydock/internal/need"
	"drydock/sandbox/supervise/client"
)

// mortal are programs that can be told to die at a step, built once.
var mortal struct {
	build sync.Once
	bin   string
	err   error
}

// mortals needs them, and returns the directory that holds both programs;
// DRYDOCK_FAILPOINT_BIN names one where they are built already.
func mortals(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("DRYDOCK_FAILPOINT_BIN"); bin != "" {
		return bin
	}
	if need.InGuest() {
		need.Gap(t, "programs with failpoints are not carried into the guest")
	}
	mortal.build.Do(func() {
		root, err := moduleRoot()
		if err != nil {
			mortal.err = err
			return
		}
		mortal.bin = filepath.Join(shared.scratch, "failpoint")
		output, err := exec.Command("make", "-C", root, "build", "TAGS=failpoint", "BIN="+mortal.bin).CombinedOutput()
		if err != nil {
			mortal.err = fmt.Errorf("make build TAGS=failpoint: %w\n%s", err, output)
		}
	})
	if mortal.err != nil {
		t.Fatal(mortal.err)
	}
	return mortal.bin
}

// death is who dies where.
type death struct {
	at []failpoint.Step // each of a process of its own
	// drydock says that the drydock that runs the task dies, too.
	drydock bool
	// verdicts are those that are true then; "": there is no task. Never a
	// success, and never an out-of-memory: the program fails.
	verdicts []string
	flags    []string // of the run
	hint     string   // part of one that the last attempt has
}

func (d death) String() string {
	words := make([]string, len(d.at))
	for i, s := range d.at {
		words[i] = string(s)
	}
	return strings.Join(words, "+")
}

// begin runs a task that says one and exits with 3, and returns its id when
// all who are to die have; "" when there is no task.
func (d death) begin(t *testing.T, h home, env []string, words ...string) (id string, r result) {
	t.Helper()
	known := h.taskDirs(t)
	tomb := t.TempDir()
	c := d.prepare(t, h, tomb, slices.Concat([]string{"run", "--memory", "64Mi", "--json"}, d.flags, words)...)
	c.Env = append(c.Env, env...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r = c.end(t)
	if killed(c) != d.drydock {
		t.Fatalf("drydock was killed: %v, want %v\n%s", killed(c), d.drydock, r.words())
	}
	for _, step := range d.at {
		within(t, hang/4, "nobody died at the step "+string(step), func() bool { return dead(filepath.Join(tomb, string(step))) })
	}
	for _, dir := range h.taskDirs(t) {
		if !slices.Contains(known, dir) {
			id = filepath.Base(dir)
		}
	}
	return id, r
}

// prepare makes a command of a drydock that dies, and those that it starts.
func (d death) prepare(t *testing.T, h home, tomb string, args ...string) *command {
	t.Helper()
	program := filepath.Join(mortals(t), "drydock") // built now, or it counts as the command's time
	c := h.prepare(t, args...)
	c.Path = program
	c.Env = append(c.Env, failpoint.Variable+"="+strings.ReplaceAll(d.String(), "+", ","), failpoint.TombVariable+"="+tomb)
	return c
}

// die runs a command that dies.
func (d death) die(t *testing.T, h home, args ...string) {
	t.Helper()
	c := d.prepare(t, h, t.TempDir(), args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if r := c.end(t); !killed(c) {
		t.Fatalf("%q did not come to %s: exit %d\n%s", args, d, r.exit, r.words())
	}
}

func killed(c *command) bool {
	return c.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// dead reports whether the process that left the file has ended.
func dead(tomb string) bool {
	pid, err := os.ReadFile(tomb)
	if err != nil || len(pid) == 0 {
		return false
	}
	stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func (h home) taskDirs(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(h.state(), "tasks", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// age makes a directory as old as one that nobody is just making any more.
func age(t testing.TB, dir string) {
	t.Helper()
	before := time.Now().Add(-time.Minute)
	if err := os.Chtimes(dir, before, before); err != nil {
		t.Fatal(err)
	}
}

// nothingLeftOf is nothingLeft for what only this home's tasks leave: others
// may start and stop engines beside us.
func nothingLeftOf(t *testing.T, h home) {
	t.Helper()
	before := leftover.Take()
	base := client.LeasesIn(h.leases()).GroupBase()
	t.Cleanup(func() {
		mine := func() []leftover.Item {
			return slices.DeleteFunc(before.Since(0), func(i leftover.Item) bool {
				return i.Kind != "process" && !strings.Contains(i.Name, h.dir) && !strings.Contains(i.Name, base)
			})
		}
		for deadline := time.Now().Add(3 * time.Second); len(mine()) > 0 && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
		}
		items := mine()
		for _, item := range items {
			t.Error(item)
		}
		leftover.Kill(items)
	})
}

// untilFree waits until no supervisor lives.
func (h home) untilFree(t testing.TB) {
	t.Helper()
	leases := client.LeasesIn(h.leases())
	within(t, hang/4, "a supervisor does not end", func() bool {
		names, err := leases.Names()
		return err == nil && !slices.ContainsFunc(names, leases.Held)
	})
}

// settled checks that the task has ended with one of the verdicts, and that
// nothing is left of it but its documents and its log.
func (d death) settled(t *testing.T, h home, id string, ps func() []listed) {
	t.Helper()
	dir := filepath.Join(h.state(), "tasks", id)
	var last listed
	within(t, hang/4, "the task's end is not recorded", func() bool {
		last = listed{}
		for _, l := range ps() {
			if l.ID == id {
				last = l
			}
		}
		return last.Status == "ended" && exists(filepath.Join(dir, "ended.json")) || last.ID == "" && !exists(dir)
	})
	if !slices.Contains(d.verdicts, last.Verdict) {
		t.Errorf("the verdict is %q, want one of %q", last.Verdict, d.verdicts)
	}
	if last.Verdict == "error" && stringField(t, filepath.Join(dir, "ended.json"), "code") != "NeverStarted" {
		t.Error("the error is not that it was never started")
	}
	if d.hint != "" {
		document, err := os.ReadFile(filepath.Join(dir, "ended.json"))
		if err != nil || !strings.Contains(string(document), d.hint) {
			t.Errorf("ended.json (%v) does not say %q: %s", err, d.hint, document)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); len(h.remains(t)) > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // a supervisor may be on its way out
	}
	for _, path := range h.remains(t) {
		t.Errorf("left behind: %s", path)
	}
}

// remains are the files that nobody needs any more: everything in the lease
// directory, and what an attempt leaves beside documents and logs.
func (h home) remains(t testing.TB) []string {
	t.Helper()
	left := h.leaseFiles(t)
	kept := []string{"task.json", "lock", "ended.json", "attempts"}
	keptOfAttempt := []string{"demand.json", "spec.json", "outcome.json", "verdict.json", "log", "samples", "shim.log"}
	for pattern, known := range map[string][]string{"tasks/*/*": kept, "tasks/*/attempts/*/*": keptOfAttempt} {
		paths, err := filepath.Glob(filepath.Join(h.state(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if !slices.Contains(known, filepath.Base(path)) {
				left = append(left, path)
			}
		}
	}
	return left
}

// leaseFiles are those in the lease directory, but for the lock of the common
// cgroup, which stays.
func (h home) leaseFiles(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(h.leases())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if e.Name() != ".base" {
			files = append(files, filepath.Join(h.leases(), e.Name()))
		}
	}
	return files
}

// noLeases fails the test for leases, claims and tickets that stay.
func (h home) noLeases(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); len(h.leaseFiles(t)) > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // what still runs has its lease
	}
	for _, path := range h.leaseFiles(t) {
		t.Errorf("not freed: %s", path)
	}
}
