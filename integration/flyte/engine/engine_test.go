// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
)

func TestRunSucceeds(t *testing.T) {
	w := newWorld(t)
	id := w.run("", template("t"))
	if len(id.Run.Name) != 20 || id.Run.Name[0] != 'r' {
		t.Errorf("invented name %q", id.Run.Name)
	}
	a := w.phase(id, running)
	if a.OutputURI != "s3://drydock/p/d/"+id.Run.Name+"/a0/1" || len(a.Attempts) != 1 {
		t.Errorf("running: %+v", a.State)
	}
	w.launcher.finish(id, ok)
	a = w.phase(id, succeeded)
	if a.Ended.IsZero() || a.Last().Ended.IsZero() || a.Error != nil {
		t.Errorf("ended: %+v", a.State)
	}
	w.until(id, "retired", func(*Action) bool { return w.e.liveRun(id.Run) == nil })
	if b, err := w.e.Action(id); err != nil || b.Phase != succeeded || b.Task.Spec.TaskTemplate.Type != "python" {
		t.Errorf("from the book: %+v, %v", b, err)
	}
	if _, _, err := w.e.CreateRun(context.Background(), NewRun{ID: id.Run, Task: template("t")}); !errors.Is(err, ErrExists) {
		t.Errorf("a second run of the name: %v", err)
	}
}

func TestRetries(t *testing.T) {
	backoff := func(t *core.TaskTemplate) {
		t.Metadata.Retries.Backoff = &core.Backoff{Base: durationpb.New(time.Millisecond)}
	}
	tests := []struct {
		name     string
		spec     *task.TaskSpec
		plan     []End
		want     common.ActionPhase
		code     string
		attempts int
	}{
		{"none", template("t"), []End{userError("ValueError")}, failed, "ValueError", 1},
		{"one and it helps", template("t", retries(1), backoff), []End{userError("ValueError"), ok}, succeeded, "", 2},
		{"used up", template("t", retries(2)), []End{userError("A"), userError("B"), userError("C")}, failed, "RetriesExhausted|C", 3},
		{"oom keeps its code", template("t", retries(1)), []End{userError("OOMKilled"), userError("OOMKilled")}, failed, "OOMKilled", 2},
		{"permanent", template("t", retries(5)), []End{{Phase: failed, Error: userError("X").Error}}, failed, "X", 1},
		{"system failures are not the task's", template("t"), []End{systemError(), systemError(), systemError(), ok}, succeeded, "", 4},
		{"too many of them", template("t"), []End{systemError(), systemError(), systemError(), systemError()}, failed, "MaxSystemFailuresExceeded", 4},
		{"only in a row", template("t", retries(1)), []End{systemError(), systemError(), systemError(), userError("V"), systemError(), systemError(), systemError(), ok}, succeeded, "", 8},
		{"timeout", template("t", retries(1)), []End{userError("V"), {Phase: timedOut, Retry: RetryUser, Error: userError("MAX_RUNTIME_EXCEEDED").Error}}, timedOut, "MAX_RUNTIME_EXCEEDED", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.launcher.plan["t"] = func(n int) End { return test.plan[n-1] }
			id := w.run("r", test.spec)
			a := w.until(id, "over", (*Action).Done)
			if a.Phase != test.want || a.Error.GetCode() != test.code || len(a.Attempts) != test.attempts {
				t.Errorf("%s %q after %d attempts; want %s %q %d", a.Phase, a.Error.GetCode(), len(a.Attempts), test.want, test.code, test.attempts)
			}
			for i, at := range a.Attempts {
				if at.Number != i+1 || at.Ended.IsZero() || at.OutputURI != fmt.Sprintf("s3://drydock/p/d/r/a0/%d", i+1) {
					t.Errorf("attempt %d: %+v", i, at)
				}
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	d := func(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
	tests := []struct {
		b    *core.Backoff
		n    int
		want time.Duration
	}{
		{nil, 3, 0},
		{&core.Backoff{Base: d(time.Second)}, 5, time.Second},
		{&core.Backoff{Base: d(time.Second), Factor: proto.Float64(2)}, 3, 8 * time.Second},
		{&core.Backoff{Base: d(time.Second), Factor: proto.Float64(2), Cap: d(5 * time.Second)}, 3, 5 * time.Second},
		{&core.Backoff{Base: d(time.Second), Factor: proto.Float64(1e300)}, 9, 1<<62 - 1},
		{&core.Backoff{Base: d(time.Second), Factor: proto.Float64(-3)}, 1, 0},
	}
	for _, test := range tests {
		if got := Backoff(test.b, test.n); got.Round(time.Second) != test.want.Round(time.Second) {
			t.Errorf("Backoff(%v, %d) = %v, want %v", test.b, test.n, got, test.want)
		}
	}
}

func TestChildrenAreSeenByTheirParent(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	c1 := w.enqueue(child(root, "c1", template("c")))
	w.enqueue(child(root, "c1", template("c"))) // again: no second start
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var got []string
	done := make(chan error)
	sentinel := make(chan struct{})
	go func() {
		done <- w.e.WatchChildren(ctx, root, func(u Update) error {
			if u.Action == nil {
				got = append(got, "sentinel")
				close(sentinel)
				return nil
			}
			if u.Action.OutputURI == "" {
				t.Errorf("an update without output_uri: %+v", u.Action)
			}
			got = append(got, fmt.Sprintf("%s %s", u.Action.ID.Name, u.Action.Phase))
			if u.Action.ID.Name == "c2" && u.Action.Done() {
				cancel()
			}
			return nil
		})
	}()
	<-sentinel
	c2 := w.enqueue(child(root, "c2", template("c")))
	w.launcher.finish(c1, userError("OOMKilled"))
	w.phase(c1, failed)
	w.launcher.finish(c2, ok)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	at := slices.Index(got, "sentinel")
	if at < 1 || got[0][:2] != "c1" || !slices.Contains(got[at:], "c1 ACTION_PHASE_FAILED") || !slices.Contains(got[at:], "c2 ACTION_PHASE_SUCCEEDED") {
		t.Errorf("updates: %q", got)
	}
	if n := w.launcher.starts("c1"); n != 1 {
		t.Errorf("c1 started %d times", n)
	}
}

func TestEnqueueRefuses(t *testing.T) {
	w := newWorld(t)
	w.config.MaxQueued = 1
	root := w.run("r", template("t"))
	w.phase(root, running)
	bad := child(root, "a/b", template("c"))
	nobody := child(ActionID{root.Run, "nobody"}, "c", template("c"))
	norun := child(ActionID{RunID{"p", "d", "nope"}, "a0"}, "c", template("c"))
	empty := child(root, "c", nil)
	for _, test := range []struct {
		a    *actions.Action
		want error
	}{{bad, ErrInvalid}, {nobody, ErrNotFound}, {norun, ErrNotFound}, {empty, ErrInvalid}, {&actions.Action{}, ErrInvalid}} {
		if err := w.e.Enqueue(context.Background(), test.a); !errors.Is(err, test.want) {
			t.Errorf("Enqueue(%v): %v, want %v", test.a, err, test.want)
		}
	}
	w.launcher.finish(root, ok)
	w.phase(root, succeeded)
	if err := w.e.Enqueue(context.Background(), child(root, "late", template("c"))); !errors.Is(err, ErrRunOver) {
		t.Errorf("after the end: %v", err)
	}
}

func TestBackpressure(t *testing.T) {
	w := newWorld(t)
	w.crashWith(Config{MaxQueued: 2})
	root := w.run("r", template("t"), func(n *NewRun) { n.Spec = &task.RunSpec{MaxActionConcurrency: 1} })
	w.phase(root, running)
	for i := range 3 { // one runs beside its waiting parent, two wait
		w.enqueue(child(root, fmt.Sprint("c", i), template("c")))
		if i == 0 {
			w.phase(ActionID{root.Run, "c0"}, running)
		}
	}
	if err := w.e.Enqueue(context.Background(), child(root, "c3", template("c"))); !errors.Is(err, ErrBusy) {
		t.Errorf("a fourth: %v", err)
	}
	w.launcher.finish(ActionID{root.Run, "c0"}, ok)
	w.until(root, "another child running", func(*Action) bool { return w.launcher.starts("c1")+w.launcher.starts("c2") == 1 })
	w.enqueue(child(root, "c3", template("c")))
}

func (w *world) crashWith(c Config) {
	w.config = c
	w.crash()
}

func TestConcurrencyOfARun(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"), func(n *NewRun) { n.Spec = &task.RunSpec{MaxActionConcurrency: 3} })
	w.phase(root, running)
	for i := range 5 {
		w.enqueue(child(root, fmt.Sprint("c", i), template("c")))
	}
	started := func() (n int) {
		for i := range 5 {
			n += w.launcher.starts(fmt.Sprint("c", i))
		}
		return n
	}
	w.until(root, "two children running", func(*Action) bool { return started() >= 2 })
	time.Sleep(20 * time.Millisecond)
	if n := started(); n != 2 {
		t.Errorf("%d children run beside their parent, want 2", n)
	}
	for range 5 { // whichever runs
		w.launcher.finishAny("c")
	}
	w.launcher.finish(root, ok)
	w.phase(root, succeeded)
}

func TestAbort(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	mid := w.enqueue(child(root, "mid", template("c", retries(3))))
	w.phase(mid, running)
	leaf := w.enqueue(child(mid, "leaf", template("c")))
	other := w.enqueue(child(root, "other", template("c")))
	w.phase(leaf, running)
	if err := w.e.AbortAction(mid, "because"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []ActionID{mid, leaf} {
		a := w.until(id, "gone", func(a *Action) bool { return a.Done() && !a.Last().Ended.IsZero() })
		if a.Phase != aborted || a.AbortReason != "because" {
			t.Errorf("%s: %s %q", id, a.Phase, a.AbortReason)
		}
	}
	if a := w.phase(other, running); a.Done() {
		t.Error("the sibling went, too")
	}
	if err := w.e.AbortAction(mid, "again"); err != nil {
		t.Errorf("a second abort: %v", err)
	}
	if err := w.e.AbortRun(RunID{"p", "d", "nope"}, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown run: %v", err)
	}
	w.launcher.finish(root, ok)
	if a := w.until(other, "aborted", (*Action).Done); a.Phase != aborted || a.AbortReason != "its parent a0 ended" {
		t.Errorf("an unfinished child of an ended parent: %s %q", a.Phase, a.AbortReason)
	}
}

func TestTimeouts(t *testing.T) {
	w := newWorld(t)
	deadline := template("d", retries(5), func(t *core.TaskTemplate) {
		t.Metadata.Timeouts = &core.TimeoutStrategy{Deadline: durationpb.New(30 * time.Millisecond)}
	})
	a := w.until(w.run("deadline", deadline), "over", (*Action).Done)
	if a.Phase != timedOut || a.Error.GetCode() != "DEADLINE_EXCEEDED" || len(a.Attempts) != 1 {
		t.Errorf("deadline: %s %v", a.Phase, a.Error)
	}
	root := w.run("r", template("t"), func(n *NewRun) { n.Spec = &task.RunSpec{MaxActionConcurrency: 2} })
	w.phase(root, running)
	w.enqueue(child(root, "c0", template("c")))
	w.phase(ActionID{root.Run, "c0"}, running)
	short := w.enqueue(child(root, "c1", template("c", retries(1), func(t *core.TaskTemplate) {
		t.Metadata.Timeouts = &core.TimeoutStrategy{QueuedTimeout: durationpb.New(20 * time.Millisecond)}
	})))
	a = w.until(short, "over", (*Action).Done)
	if a.Phase != timedOut || a.Error.GetCode() != "QUEUED_TIMEOUT_EXCEEDED" || len(a.Attempts) != 2 {
		t.Errorf("queued_timeout: %s %v after %d", a.Phase, a.Error, len(a.Attempts))
	}
}

func TestCrash(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t", retries(1)))
	w.phase(root, running)
	c := w.enqueue(child(root, "c", template("c", retries(2))))
	w.phase(c, running)
	before := w.launcher.starts("a0") + w.launcher.starts("c")
	w.crash()
	w.phase(c, running)
	w.launcher.finish(c, userError("V"))
	w.until(c, "tried again", func(a *Action) bool { return len(a.Attempts) == 2 && a.Phase == running })
	w.crash()
	w.launcher.finish(c, ok)
	w.phase(c, succeeded)
	w.crash()
	w.launcher.finish(root, ok)
	w.phase(root, succeeded)
	if n := w.launcher.starts("a0") + w.launcher.starts("c"); n != before+1 {
		t.Errorf("%d launches after the crash, want the retry only", n-before)
	}
}

func TestCrashBeforeTheLaunch(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	a := w.phase(root, running)
	old := a.Last().TaskID
	w.launcher.never = true
	w.crash()
	a = w.until(root, "launched anew", func(a *Action) bool { return a.Phase == running && a.Last().TaskID != old })
	if len(a.Attempts) != 1 || a.UserFailures+a.SystemFailures != 0 {
		t.Errorf("it cost an attempt: %+v", a.State)
	}
	w.launcher.finish(root, ok)
	w.phase(root, succeeded)
}

func TestAbortedBeforeACrash(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	w.launcher.mu.Lock() // the sandbox takes its time
	if err := w.e.AbortRun(root.Run, "enough"); err != nil {
		t.Fatal(err)
	}
	w.e.Close()
	w.launcher.mu.Unlock()
	w.book.Close()
	w.open()
	a := w.until(root, "stopped", func(a *Action) bool { return a.Done() && !a.Last().Ended.IsZero() })
	if a.Phase != aborted || a.AbortReason != "enough" {
		t.Errorf("%s %q", a.Phase, a.AbortReason)
	}
}

func TestLoansFollowTheChildren(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	r := w.e.liveRun(root.Run)
	open := func() int { r.mu.Lock(); defer r.mu.Unlock(); return r.nodes["a0"].open }
	c := w.enqueue(child(root, "c", template("c")))
	if open() != 1 {
		t.Error("a waiting parent is charged")
	}
	w.launcher.finish(c, ok)
	w.phase(c, succeeded)
	if open() != 0 {
		t.Error("a computing parent is not charged")
	}
}

func TestListRuns(t *testing.T) {
	w := newWorld(t)
	w.launcher.plan["t"] = func(int) End { return ok }
	var want []string
	for i := range 7 {
		id := w.run(fmt.Sprint("r", i), template("t"))
		w.phase(id, succeeded)
		want = append(want, id.Run.Name)
	}
	for _, oldest := range []bool{true, false} {
		var got []string
		token := ""
		for pages := 0; ; pages++ {
			runs, roots, next, err := w.e.Runs(RunFilter{Project: "p", Domain: "d", Limit: 3, Oldest: oldest, Token: token})
			if err != nil || len(runs) != len(roots) || len(runs) > 3 || pages > 3 {
				t.Fatal(runs, roots, next, err)
			}
			for _, r := range runs {
				got = append(got, r.ID.Name)
			}
			if token = next; token == "" {
				break
			}
		}
		if !oldest {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("oldest %v: %v", oldest, got)
		}
	}
	if runs, _, _, _ := w.e.Runs(RunFilter{Project: "q"}); len(runs) != 0 {
		t.Errorf("another project's: %v", runs)
	}
}

func TestWatchesEndWithTheServer(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	errs := make(chan error, 3)
	go func() { errs <- w.e.WatchAction(context.Background(), root, func(*Action) error { return nil }) }()
	go func() { errs <- w.e.WatchRun(context.Background(), root.Run, func([]*Action) error { return nil }) }()
	go func() { errs <- w.e.WatchChildren(context.Background(), root, func(Update) error { return nil }) }()
	time.Sleep(10 * time.Millisecond)
	w.crash()
	for range 3 {
		if err := <-errs; !errors.Is(err, ErrShutdown) {
			t.Errorf("a watch ended with %v", err)
		}
	}
}
