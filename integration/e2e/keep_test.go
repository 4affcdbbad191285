// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/sandbox/disk"
)

// fillUp writes until a directory's disk is full and keeps it so until free is
// called, whatever others give back meanwhile.
func fillUp(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	fill := func() {
		for {
			if _, err := file.Write(block); err != nil {
				return
			}
		}
	}
	fill()
	ctx, stop := context.WithCancel(t.Context())
	var filler sync.WaitGroup
	filler.Go(func() {
		for ctx.Err() == nil {
			fill()
			time.Sleep(time.Millisecond)
		}
	})
	free = sync.OnceFunc(func() {
		stop()
		filler.Wait()
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		_ = file.Close()
	})
	t.Cleanup(free)
	return free
}

// A task goes on when the state directory's disk becomes full, and its verdict
// is kept, whether its drydock lives or not: room for it was kept. A new run
// says what to do. With room again everything is as if nothing had been.
func TestFullDiskKeepsTheVerdict(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprintf("drydock killed %v", killed), func(t *testing.T) {
			h := newHome(t)
			smallDisk(t, h, "8m")
			nothingLeftOf(t, h)
			c := h.start(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", "echo one; "+untilGate+"echo two; exit 3")
			c.waitFor(t, `one`)
			id := firstID(t, c.out.String())
			free := fillUp(t, h.state())
			if killed {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				c.end(t)
			}
			if r := h.run(t, "run", "--memory", "64Mi", "--json", "--", "true"); r.exit != 125 || !strings.Contains(r.ended.Message, "the disk is full; free some space (drydock prune) or move it with --state-dir") {
				t.Errorf("a new run: exit %d, %q", r.exit, r.ended.Message)
			}
			h.openGate(t)
			if !killed {
				r := c.end(t)
				r.want(t, 3, "failed")
				if out := r.output("stdout"); out != "one\ntwo\n" {
					t.Errorf("it printed %q", out)
				}
			}
			outcome := filepath.Join(h.state(), "tasks", id, "attempts", "1", "outcome.json")
			within(t, hang/2, "the facts are lost: no outcome.json", func() bool { return exists(outcome) })
			if r := h.run(t, "ps", "-a"); !strings.Contains(r.stdout, "failed") {
				t.Errorf("on the full disk ps says\n%s%s", r.stdout, r.stderr)
			}
			free()
			if r := h.run(t, "wait", id); r.exit != 3 {
				t.Errorf("wait: exit %d\n%s%s", r.exit, r.stdout, r.stderr)
			}
			if last := h.status(t); last.Verdict != "failed" || last.Status != "ended" {
				t.Errorf("in the end ps says %+v", last)
			}
		})
	}
}

// A log has a few files at most; who follows it gets every line, over all of
// them, also when the drydock that began it was killed. What is not kept any
// more is said.
func TestLogRotates(t *testing.T) {
	t.Setenv("DRYDOCK_LOG_MAX_SIZE", "1Mi")
	t.Setenv("DRYDOCK_LOG_MAX_FILES", "3")
	h := newHome(t)
	nothingLeftOf(t, h)
	const followed, lines = 50_000, 150_000 // the first fill two files, and a part of a third
	open := func(gate string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(h.work(t), gate), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(gate string) string { return "until [ -e " + gate + " ]; do sleep 0.05; done; " }
	c := h.start(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c",
		fmt.Sprintf("echo first; %sseq 0 %d; %sseq %d %d", wait("one"), followed-1, wait("two"), followed, lines-1))
	c.waitFor(t, "first")
	id := firstID(t, c.out.String())
	follower := h.start(t, "logs", "-f", id)
	follower.waitFor(t, "first")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.end(t)
	open("one")
	follower.waitFor(t, fmt.Sprintf("\n%d\n", followed-1))
	all := strings.Split(follower.out.String(), "\n")[1:]
	for i := range followed {
		if all[i] != fmt.Sprint(i) {
			t.Fatalf("line %d that was followed is %q", i, all[i])
		}
	}
	open("two") // from here on the writer may be faster
	if r := follower.end(t); r.exit != 0 || !strings.HasSuffix(r.stdout, fmt.Sprintf("\n%d\n", lines-1)) {
		t.Errorf("logs -f: exit %d, its end is %q\n%s", r.exit, r.stdout[max(0, len(r.stdout)-20):], r.stderr)
	}
	if r := h.run(t, "wait", id); r.exit != 0 {
		t.Errorf("wait: exit %d\n%s", r.exit, r.stderr)
	}
	h.keptLog(t, id, lines)
}

// keptLog checks what is left of a log of 150,000 numbers in three files.
func (h home) keptLog(t *testing.T, id string, lines int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.state(), "tasks", id, "attempts", "1", "log*"))
	if err != nil || len(files) != 3 {
		t.Errorf("%v are kept, %v", files, err)
	}
	r := h.run(t, "logs", id)
	kept := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
	for i, line := range kept {
		if want := fmt.Sprint(lines - len(kept) + i); line != want {
			t.Fatalf("line %d that is kept is %q, want %s", i, line, want)
		}
	}
	if len(kept) == lines || !strings.Contains(r.stderr, "files of the log are not kept") {
		t.Errorf("%d lines are kept, and it is said that %q", len(kept), r.stderr)
	}
	if r := h.run(t, "logs", id, "--tail", "30000"); strings.Count(r.stdout, "\n") != 30000 || r.stderr != "" {
		t.Errorf("the last 30000 lines: %d, %s", strings.Count(r.stdout, "\n"), r.stderr)
	}
	if r := h.run(t, "inspect", id); !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), "it has 3 files of 1Mi at most, as a kubelet keeps them") {
		t.Errorf("inspect does not say what is missing:\n%s", r.stdout)
	}
}

// The state directory does not grow for ever, however many tasks run.
func TestRetention(t *testing.T) {
	const rounds, perRound = 4, 30
	for _, tc := range []struct {
		name, variable, value string
		print                 int // bytes
		mostTasks             int
		mostBytes             int64
	}{
		{"by number", "DRYDOCK_RETAIN_TASKS", "40", 0, 40 + perRound, 1 << 40},
		{"by size", "DRYDOCK_RETAIN_SIZE", "4Mi", 100_000, rounds * perRound, 4<<20 + perRound*(1<<18)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(tc.variable, tc.value)
			h := newHome(t)
			nothingLeftOf(t, h)
			said := false
			for range rounds {
				_ = os.Remove(filepath.Join(h.state(), "retained")) // or it looks every ten minutes
				r := h.run(t, "run", "--array", fmt.Sprintf("0-%d", perRound-1), "--memory", "16Mi", "--cpu", "10m", "--", "head", "-c", fmt.Sprint(tc.print), "/dev/zero")
				if r.exit != 0 {
					t.Fatalf("exit %d\n%s", r.exit, r.stderr)
				}
				said = said || strings.Contains(r.stderr, "(settings retain_for, retain_tasks, retain_size)")
				use, err := (&disk.Meter{}).Measure(t.Context(), disk.Places{Places: []disk.Place{{Kind: disk.Layer, Path: h.state()}}})
				if n := len(h.taskDirs(t)); err != nil || n > tc.mostTasks || use.Used > tc.mostBytes {
					t.Errorf("%d tasks take %d bytes, %v", n, use.Used, err)
				}
			}
			if !said {
				t.Error("nothing was removed, or it was not said")
			}
			if n := len(h.taskDirs(t)); n < perRound {
				t.Errorf("%d tasks are left", n)
			}
		})
	}
	t.Run("off", func(t *testing.T) {
		for _, name := range []string{"FOR", "TASKS", "SIZE"} {
			t.Setenv("DRYDOCK_RETAIN_"+name, "off")
		}
		h := newHome(t)
		for range 3 {
			h.run(t, "run", "--memory", "16Mi", "--", "true")
		}
		if n := len(h.taskDirs(t)); n != 3 || exists(filepath.Join(h.state(), "retained")) {
			t.Errorf("%d tasks are left", n)
		}
	})
}
