// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/internal/crilog"
	"drydock/sandbox"
)

// These tests kill a process that runs a task, at every point of its way, and
// adopt the task in this one. They drive the executor, and stand here because
// what they need are real supervisors.

// runsOnce notes who runs, works until it may end, and says who it was.
const runsOnce = `me=$(cat /proc/sys/kernel/random/uuid); echo $me >>runs; touch /tmp/own/file
i=0; while [ $i -lt 10 ]; do i=$((i+1)); echo line $i; done; ` + untilGate + `; echo $me >end`

// untilGate keeps a program running until open.
const untilGate = "until [ -e gate ]; do sleep 0.05; done"

// open lets a program that waits for it, or will, go on to its end.
func (l life) open(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.WorkDir, "gate"), nil, 0o644); err != nil {
		t.Error(err)
	}
}

// events gathers what Adopt tells.
type events struct {
	types   map[executor.EventType]int
	started int // the PID
}

// option gathers, and lets the task of l end once something is seen of it.
func (e *events) option(t *testing.T, l life) executor.RunOption {
	e.types = map[executor.EventType]int{}
	return executor.WithEvents(func(ev executor.Event) {
		e.types[ev.Type]++
		if ev.Started != nil {
			e.started = ev.Started.PID
		}
		if ev.Sample != nil {
			l.open(t)
		}
	})
}

func TestAdoptAfterKill(t *testing.T) {
	for _, tc := range []struct {
		dies    string
		started bool // something ran
		live    bool // it is still running
	}{
		{diesQueued, false, false},
		{diesUnstarted, false, false},
		{diesForked, true, true},
		{diesStarted, true, true},
		{diesMidway, true, true},
		{diesEnded, true, false},
		{diesJudged, true, false},
	} {
		t.Run(tc.dies, func(t *testing.T) {
			runnable(t)
			l := born(t, shim(t), tc.dies, runsOnce)
			if !tc.live {
				l.open(t)
			}
			l.live(t)
			var told events
			result, err := l.adopter(t).Adopt(t.Context(), l.ID, told.option(t, l))
			if !tc.started {
				if !errors.Is(err, executor.ErrNeverStarted) {
					t.Errorf("got %v", err)
				}
				time.Sleep(300 * time.Millisecond)
				if l.file(t, "runs") != "" {
					t.Error("it ran nevertheless")
				}
				return
			}
			if err != nil || result.Verdict.Class != executor.Succeeded {
				t.Fatalf("%+v: %v", result.Verdict, err)
			}
			if runs, end := l.file(t, "runs"), l.file(t, "end"); strings.Count(runs, "\n") != 1 || runs != end {
				t.Errorf("it ran as %q and ended as %q", runs, end)
			}
			if live := told.types[executor.EventStarted] == 1 && told.types[executor.EventSample] > 0 && told.started > 1; live != tc.live {
				t.Errorf("events %v, want them live: %v", told.types, tc.live)
			}
			l.wantTidy(t, result)
		})
	}
}

// Killed at any moment, the task either ran once, or not at all and never will.
func TestAdoptAfterKillAtAnyTime(t *testing.T) {
	runnable(t)
	times := 12
	if text := os.Getenv("DRYDOCK_TEST_KILLS"); text != "" {
		times, _ = strconv.Atoi(text)
	}
	for i := range times {
		after := time.Duration(rand.IntN(100_000)) * time.Microsecond
		t.Run(fmt.Sprintf("%d after %v", i, after), func(t *testing.T) {
			l := born(t, shim(t), "", "echo run >>runs; sleep 0.1; echo end >>end")
			cmd := l.command(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			result, err := l.adopter(t).Adopt(t.Context(), l.ID)
			runs, end := l.file(t, "runs"), l.file(t, "end")
			switch {
			case errors.Is(err, executor.ErrNeverStarted):
				time.Sleep(200 * time.Millisecond)
				if l.file(t, "runs") != "" {
					t.Error("it ran nevertheless")
				}
			case err != nil || runs != "run\n" || end != "end\n":
				t.Errorf("%v, it ran %q and ended %q: %+v", err, runs, end, result)
			}
		})
	}
}

// wantTidy checks what an attempt leaves: its documents and its whole log.
func (l life) wantTidy(t *testing.T, r *executor.Result) {
	t.Helper()
	dir := r.Attempts[len(r.Attempts)-1].Dir
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := "demand.json log outcome.json samples shim.log spec.json verdict.json"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the attempt leaves %s, want %s", got, want)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || strings.Count(string(log), " F line ") != 10 {
		t.Errorf("the log is not whole: %v\n%s", err, log)
	}
	leases, err := filepath.Glob(filepath.Join(l.Leases, "0*"))
	if err != nil || len(leases) > 0 {
		t.Errorf("leases are left: %v, %v", leases, err)
	}
}

// The kernel's counters are read by the supervisor, whoever listens to it.
func TestAdoptOutOfMemory(t *testing.T) {
	for _, dies := range []string{diesStarted, diesEnded} {
		t.Run(dies, func(t *testing.T) {
			l := orphan(t, dies, "sleep 0.7; exec tail /dev/zero")
			result, err := l.adopter(t).Adopt(t.Context(), l.ID)
			oom, ok := errors.AsType[*executor.OOMError](err)
			if !ok || oom.Limit != 64<<20 || oom.Suggest != "128Mi" || !oom.Main {
				t.Fatalf("got %T %v", err, err)
			}
			if executor.ExitCode(result) != executor.ExitOOM {
				t.Errorf("exit code %d", executor.ExitCode(result))
			}
		})
	}
}

func TestAdoptAndStop(t *testing.T) {
	for name, kill := range map[string]bool{"in order": false, "at once": true} {
		t.Run(name, func(t *testing.T) {
			l := orphan(t, diesStarted, `trap 'echo tidy >tidied; exit 0' TERM; echo up >up; while :; do sleep 0.05; done`)
			ctx, cancel := context.WithCancelCause(t.Context())
			quick := make(chan struct{})
			go func() {
				for l.file(t, "up") == "" {
					time.Sleep(time.Millisecond)
				}
				if kill {
					close(quick)
				} else {
					cancel(executor.SignalCause{Signal: "SIGINT"})
				}
			}()
			result, err := l.adopter(t).Adopt(ctx, l.ID, executor.WithKill(quick))
			if _, ok := errors.AsType[*executor.AbortedError](err); !ok {
				t.Fatalf("got %v", err)
			}
			want := "SIGTERM"
			if kill {
				want = "SIGKILL"
			}
			if stops := result.Attempts[0].Outcome.Stops; len(stops) != 1 || stops[0].Signal != want || stops[0].Reason != sandbox.StopAbort {
				t.Errorf("stops %+v", stops)
			}
			if tidied := l.file(t, "tidied") != ""; tidied == kill {
				t.Errorf("it tidied up: %v", tidied)
			}
		})
	}
}

// A process that adopted the task may be killed like the first; the task is
// still there for the next. Only an end that nobody sees is judged by the
// supervisor's own means.
func TestAdoptAgain(t *testing.T) {
	for name, seen := range map[string]bool{"seen": true, "unseen": false} {
		t.Run(name, func(t *testing.T) {
			l := orphan(t, diesStarted, runsOnce)
			l.Adopts, l.Dies = true, diesMidway
			l.live(t)
			var told events
			if !seen {
				l.open(t)
				for deadline := time.Now().Add(time.Minute); !exists(filepath.Join(l.WorkDir, "judged")) && time.Now().Before(deadline); {
					time.Sleep(time.Millisecond)
				}
			}
			result, err := l.adopter(t).Adopt(t.Context(), l.ID, told.option(t, l))
			if err != nil {
				t.Fatal(err)
			}
			if runs, end := l.file(t, "runs"), l.file(t, "end"); strings.Count(runs, "\n") != 1 || runs != end {
				t.Errorf("it ran as %q and ended as %q", runs, end)
			}
			l.wantTidy(t, result)
			if judged := exists(filepath.Join(l.WorkDir, "judged")); judged == seen {
				t.Errorf("the judge command ran: %v", judged)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// While one follows, another is told so and disturbs nothing.
func TestAdoptInUse(t *testing.T) {
	l := orphan(t, diesStarted, untilGate+"; exit 3")
	first := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		_, err := l.adopter(t).Adopt(t.Context(), l.ID, executor.WithEvents(func(e executor.Event) {
			if e.Started != nil {
				close(started)
			}
		}))
		first <- err
	}()
	<-started
	if _, err := l.adopter(t).Adopt(t.Context(), l.ID); !errors.Is(err, executor.ErrInUse) {
		t.Errorf("the second is told %v", err)
	}
	l.open(t)
	if _, ok := errors.AsType[*executor.TaskFailedError](<-first); !ok {
		t.Error("the first was disturbed")
	}
	if _, err := l.adopter(t).Adopt(t.Context(), l.ID); err == nil || errors.Is(err, executor.ErrInUse) {
		t.Errorf("the third is told %v", err)
	}
}

// A supervisor that is killed takes the facts with it, before or after
// somebody follows it. What it left is cleaned up.
func TestAdoptShimKilled(t *testing.T) {
	for name, before := range map[string]bool{"before": true, "meanwhile": false} {
		t.Run(name, func(t *testing.T) {
			l := orphan(t, diesStarted, "echo up >up; sleep 30 & sleep 30")
			for l.file(t, "up") == "" {
				time.Sleep(time.Millisecond)
			}
			kill := func(executor.Event) {}
			if before {
				l.killShim(t)
			} else {
				kill = func(e executor.Event) {
					if e.Started != nil {
						l.killShim(t)
					}
				}
			}
			x := l.adopter(t)
			result, err := x.Adopt(t.Context(), l.ID, executor.WithEvents(kill))
			if result.Verdict.Class != executor.Unknown || !errors.Is(err, sandbox.ErrNoOutcome) {
				t.Fatalf("%+v: %v", result.Verdict, err)
			}
			entries, _ := filepath.Glob(filepath.Join(x.AttemptDir(l.ID, 1), "[lrw]*"))
			for _, e := range entries {
				if filepath.Base(e) != "log" {
					t.Errorf("%s is left", e)
				}
			}
			again, err := l.adopter(t).Adopt(t.Context(), l.ID)
			if again.Verdict.Class != executor.Unknown || err == nil {
				t.Errorf("the second time %+v: %v", again.Verdict, err)
			}
		})
	}
}

// A supervisor that is slow to begin is waited for: its lease says that it
// lives before it can be spoken to.
func TestAdoptSlowShim(t *testing.T) {
	runnable(t)
	slow := filepath.Join(t.TempDir(), "slow-shim")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nsleep 1\nexec '"+shim(t)+"' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := orphanOf(t, slow, diesForked, "echo once >>runs")
	if _, err := l.adopter(t).Adopt(t.Context(), l.ID); err != nil {
		t.Fatal(err)
	}
	if runs := l.file(t, "runs"); runs != "once\n" {
		t.Errorf("it ran %q", runs)
	}
}

// Output that nobody reads any more neither ends nor blocks the program, and
// all of it is in the log.
func TestOrphanedOutput(t *testing.T) {
	l := orphan(t, diesStarted, "sleep 0.3; seq 1 200000; seq 1 200000 >&2; echo through >end")
	x := l.adopter(t)
	if _, err := x.Adopt(t.Context(), l.ID); err != nil {
		t.Fatal(err)
	}
	lines, last := map[string]int{}, map[string]string{}
	ended := make(chan struct{})
	close(ended)
	err := crilog.Follow(t.Context(), filepath.Join(x.AttemptDir(l.ID, 1), "log"), ended, func(all []crilog.Line) error {
		for _, line := range all {
			if !line.Partial {
				lines[line.Stream]++
			}
			last[line.Stream] = line.Text
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"stdout": 200000, "stderr": 200000}
	if d := cmp.Diff(want, lines); d != "" || last["stdout"] != "200000" || last["stderr"] != "200000" {
		t.Errorf("it ends with %v (-want +got lines):\n%s", last, d)
	}
	if l.file(t, "end") == "" {
		t.Error("the program was ended")
	}
}
