// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// left does what a process does that is killed later: it records the task and
// its first attempt and, if it came so far, starts it.
func left(t *testing.T, x *Executor, task Task, started bool) string {
	t.Helper()
	r := x.newRun(task, nil)
	d, err := r.prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leftAttempt(t, r, d, 1, started)
	r.unlock()
	return r.id
}

func leftAttempt(t *testing.T, r *run, d resources.Demand, n int, started bool) {
	t.Helper()
	p, err := r.admit(t.Context(), n, d)
	if err != nil {
		t.Fatal(err)
	}
	defer p.claim.Release() // the kernel's doing
	dir, err := r.state.CreateAttempt(r.id, n)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := r.spec(n, dir, d)
	if err != nil {
		t.Fatal(err)
	}
	r.give(&spec, p)
	a := Attempt{Demand: d, Accelerators: p.accelerators}
	if err := r.recordDemand(spec, a, r.judgeOptions(), r.enforcement(spec, a)); err != nil {
		t.Fatal(err)
	}
	if !started {
		return
	}
	if _, err := r.sandbox.Start(t.Context(), spec, sandbox.Streams{}); err != nil {
		t.Fatal(err)
	}
}

// Cases 19 and 20: the devices of an attempt that runs on stay its own until it
// ends; of one that never began nothing is held.
func TestAdoptKeepsDevices(t *testing.T) {
	for name, started := range map[string]bool{"it runs": true, "it never began": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var box sandboxtest.Fake
				state := t.TempDir()
				executor := func() *Executor {
					return newExecutor(t, func(c *Config) { c.Sandbox, c.StateDir, c.Devices = &box, state, equipped(a100s(1)) })
				}
				id := left(t, executor(), asking(t, "1", "sleep", "20000", "exit", "0"), started)
				x, began := executor(), time.Now() // another process
				var adopting sync.WaitGroup
				adopting.Go(func() {
					result, err := x.Adopt(t.Context(), id)
					if started && (err != nil || idsOf(result.Attempts[0].Accelerators)[0] != "GPU-0") || !started && !errors.Is(err, ErrNeverStarted) {
						t.Errorf("%+v, %v", result, err)
					}
				})
				synctest.Wait()
				if held := heldDevices(x); len(held) == 1 != started {
					t.Errorf("%v is held", held)
				}
				if _, err := x.Run(t.Context(), asking(t, "1", "exit", "0")); err != nil {
					t.Error(err)
				}
				if waited := time.Since(began) >= 20*time.Second; waited != started {
					t.Errorf("the next task had it after %v", time.Since(began))
				}
				adopting.Wait()
				devicesFree(t, x)
			})
		})
	}
}

// A task that runs on without its process is followed to its end, judged as
// Run would, recorded, and found again by everybody who comes later.
func TestAdoptRunning(t *testing.T) {
	small := resources.Resources{Memory: resources.Of("64Mi")}
	for _, tc := range []struct {
		name  string
		words []string
		class Class
		exit  int
	}{
		{"success", []string{"sleep", "1000", "exit", "0"}, Succeeded, 0},
		{"failure", []string{"sleep", "1000", "err", "why", "exit", "3"}, Failed, 3},
		{"oom", []string{"sleep", "1000", "touch", "100"}, OOM, 137},
		{"not found", nil, StartFailed, 127},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExecutor(t, nil)
				task := hog(tc.words...)
				task.Resources, task.Name = small, "left"
				if tc.words == nil {
					task.Command = []string{"no-such-program"}
				}
				id := left(t, x, task, true)
				var types []EventType
				result, err := x.Adopt(t.Context(), id, WithEvents(func(e Event) { types = append(types, e.Type) }))
				if result.Verdict.Class != tc.class || ExitCode(result) != tc.exit || (err == nil) != (tc.class == Succeeded) {
					t.Fatalf("%s, exit %d: %v", result.Verdict.Class, ExitCode(result), err)
				}
				if result.ID != id || result.Task.Name != "left" || len(result.Attempts) != 1 || result.Attempts[0].Dir != x.AttemptDir(id, 1) {
					t.Errorf("result %+v", result)
				}
				if types[0] != EventAdmitted || types[len(types)-1] != EventEnded {
					t.Errorf("events %v", types)
				}
				nothingTaken(t, x)
				again(t, x, result, err)
			})
		})
	}
}

// again adopts a task that has ended: the same result, the same error.
func again(t *testing.T, x *Executor, first *Result, firstErr error) {
	t.Helper()
	ended := 0
	second, err := x.Adopt(t.Context(), first.ID, WithEvents(func(e Event) {
		if e.Type == EventEnded {
			ended++
		}
	}))
	if ended != 1 {
		t.Errorf("%d ended events", ended)
	}
	diff(t, first.Document(), second.Document())
	diff(t, first.Verdict, second.Verdict)
	if (firstErr == nil) != (err == nil) || err != nil && firstErr.Error() != err.Error() {
		t.Errorf("the second time: %v, want %v", err, firstErr)
	}
}

// What ended while nobody looked is judged by what it left, whatever of it was
// written already.
func TestAdoptEnded(t *testing.T) {
	for name, forget := range map[string][]string{
		"everything is there": nil,
		"no ended.json":       {state.EndedFile},
		"no verdict either":   {state.EndedFile, "attempts/1/" + state.VerdictFile},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExecutor(t, nil)
			task := hog("touch", "100")
			task.Resources.Memory = resources.Of("64Mi")
			want, wantErr := x.Run(t.Context(), task)
			for _, file := range forget {
				if err := os.Remove(filepath.Join(x.StateDir(), "tasks", want.ID, file)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := newExecutor(t, func(c *Config) { c.StateDir = x.StateDir() }).Adopt(t.Context(), want.ID)
			oom, ok := errors.AsType[*OOMError](err)
			if !ok || oom.Suggest != "128Mi" || oom.Limit != 64*mib || oom.Error() != wantErr.Error() {
				t.Fatalf("got %T %v", err, err)
			}
			wantDoc, gotDoc := want.Document(), got.Document()
			if forget != nil {
				wantDoc.Time = gotDoc.Time // when it was found out
			}
			diff(t, wantDoc, gotDoc)
			diff(t, want.Attempts[0].Outcome, got.Attempts[0].Outcome)
			diff(t, want.Verdict, got.Verdict)
			again(t, x, got, err)
		})
	}
}

// Nothing ran, and nothing will: the id is used up.
func TestAdoptNeverStarted(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *Executor) string{
		"no such task": func(t *testing.T, _ *Executor) string { id, _ := NewID(); return id },
		"no task.json": func(t *testing.T, x *Executor) string {
			id, _ := NewID()
			if _, err := x.state.CreateTask(id); err != nil {
				t.Fatal(err)
			}
			return id
		},
		"no attempt": func(t *testing.T, x *Executor) string {
			id := left(t, x, hog("exit", "0"), false)
			if err := os.RemoveAll(filepath.Join(x.StateDir(), "tasks", id, "attempts")); err != nil {
				t.Fatal(err)
			}
			return id
		},
		"an empty attempt": func(t *testing.T, x *Executor) string {
			id := left(t, x, hog("exit", "0"), false)
			if err := os.Remove(filepath.Join(x.AttemptDir(id, 1), state.DemandFile)); err != nil {
				t.Fatal(err)
			}
			return id
		},
		"an attempt without a supervisor": func(t *testing.T, x *Executor) string { return left(t, x, hog("exit", "0"), false) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newExecutor(t, nil)
			id := prepare(t, x)
			result, err := x.Adopt(t.Context(), id)
			if !errors.Is(err, ErrNeverStarted) || result.Verdict.Class != Error || result.Verdict.Code != CodeNeverStarted {
				t.Fatalf("got %v, verdict %+v", err, result.Verdict)
			}
			again(t, x, result, err)
			if _, err := x.Adopt(t.Context(), id); !errors.Is(err, ErrNeverStarted) {
				t.Errorf("the second time: %v", err)
			}
			if _, err := x.Run(t.Context(), hog("exit", "0"), WithID(id)); !isA(func(*RefusedError) bool { return true })(err) {
				t.Errorf("something can still be started under the id: %v", err)
			}
			nothingTaken(t, x)
		})
	}
}

// A supervisor that was killed left no facts: unknown, now and later.
func TestAdoptLost(t *testing.T) {
	x := newExecutor(t, nil)
	id := left(t, x, hog("exit", "0"), false)
	if err := os.WriteFile(filepath.Join(x.AttemptDir(id, 1), "log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := x.Adopt(t.Context(), id)
	if result.Verdict.Class != Unknown || !errors.Is(err, sandbox.ErrNoOutcome) || ExitCode(result) != 125 {
		t.Fatalf("%+v: %v", result.Verdict, err)
	}
	again(t, x, result, err)
	if _, err := x.Adopt(t.Context(), id); !errors.Is(err, sandbox.ErrNoOutcome) {
		t.Errorf("the second time: %v", err)
	}
}

// Whoever adopts a task can end it.
func TestAdoptStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, nil)
		task := hog("ignore", "sleep", "60000")
		task.Grace = 5 * time.Second
		stop := func(cause error, kill chan struct{}, want time.Duration) {
			t.Helper()
			id := left(t, x, task, true)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				time.Sleep(time.Second)
				if kill != nil {
					close(kill)
					return
				}
				cancel(cause)
			}()
			began := time.Now()
			result, err := x.Adopt(ctx, id, WithKill(kill))
			if !isA(func(*AbortedError) bool { return true })(err) || time.Since(began) != want {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			if cause != nil && !errors.Is(err, cause) {
				t.Errorf("the cause is gone: %v", err)
			}
			if stops := result.Attempts[0].Outcome.Stops; stops[0].Reason != sandbox.StopAbort {
				t.Errorf("stops %+v", stops)
			}
			again(t, x, result, err)
		}
		stop(SignalCause{"SIGINT"}, nil, 6*time.Second)
		stop(nil, make(chan struct{}), time.Second)
	})
}

// Also one whose context has ended before it is found.
func TestAdoptCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, nil)
		id := left(t, x, hog("tidy", "sleep", "60000"), true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		result, err := x.Adopt(ctx, id)
		if !errors.Is(err, context.Canceled) || len(result.Attempts) != 1 || len(result.Attempts[0].Outcome.Stops) == 0 {
			t.Errorf("%v, %+v", err, result.Attempts)
		}
	})
}

// A task with retries is judged by the last attempt that began.
func TestAdoptRetried(t *testing.T) {
	for _, started := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			x := newExecutor(t, nil)
			task := hog("exit", "3")
			task.Retries.Count = 5
			r := x.newRun(task, nil)
			d, err := r.prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leftAttempt(t, r, d, 1, true)
			time.Sleep(time.Second)
			leftAttempt(t, r, d, 2, started)
			r.unlock()
			time.Sleep(time.Second)
			result, err := newExecutor(t, func(c *Config) { c.StateDir = x.StateDir() }).Adopt(t.Context(), r.id)
			want := 1
			if started {
				want = 2
			}
			if !isA(func(*TaskFailedError) bool { return true })(err) || len(result.Attempts) != want || result.Attempts[want-1].Number != want {
				t.Errorf("second attempt started: %v; %v with %d attempts", started, err, len(result.Attempts))
			}
		})
	}
}

// A task is in one pair of hands at a time.
func TestAdoptInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, nil)
		id, err := NewID()
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { _, err := x.Run(t.Context(), hog("sleep", "60000"), WithID(id)); done <- err }()
		synctest.Wait()
		result, err := x.Adopt(t.Context(), id)
		if !errors.Is(err, ErrInUse) || result.Verdict.Class != Refused {
			t.Errorf("got %v, verdict %s", err, result.Verdict.Class)
		}
		if err := <-done; err != nil {
			t.Errorf("the run was disturbed: %v", err)
		}
		if _, err := x.Adopt(t.Context(), id); err != nil {
			t.Errorf("after its end: %v", err)
		}
		if _, err := x.Adopt(t.Context(), "../x"); !isA(func(*RefusedError) bool { return true })(err) {
			t.Errorf("an id that is none: %v", err)
		}
	})
}

// What runs already counts at once, also beyond the capacity, and can be lent.
func TestAdoptCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, func(c *Config) { c.Capacity = Capacity{CPUMilli: 8000, Memory: 1 << 30} })
		big := hog("sleep", "10000")
		big.Resources.Memory = resources.Of("1Gi")
		var loan Loan
		first, second := left(t, x, big, true), left(t, x, big, true)
		done := make(chan error, 2)
		go func() { _, err := x.Adopt(t.Context(), first); done <- err }()
		go func() { _, err := x.Adopt(t.Context(), second, WithLoan(&loan)); done <- err }()
		synctest.Wait()
		counted := func(gib int64) {
			t.Helper()
			if got := takenOf(x).Memory >> 30; got != gib {
				t.Errorf("%d GiB are taken, want %d", got, gib)
			}
		}
		counted(2)
		loan.Lend()
		counted(1)
		loan.Recall()
		counted(2)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		counted(0)
	})
}
