// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// down is crash without the next engine.
func (w *world) down() {
	w.t.Helper()
	w.e.Close()
	if err := w.book.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.launcher.orphan()
}

func TestEqualCallsWaitAcrossACrash(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	serial := func(t *core.TaskTemplate) { t.Metadata.CacheSerializable = true }
	first := w.enqueue(cachedChild(root, "c0", "k", template("c", serial)))
	w.phase(first, running)
	for _, name := range []string{"c1", "c2", "b0"} { // before and behind c0 in the book
		w.enqueue(cachedChild(root, name, "k", template("c", serial)))
	}
	w.crash()
	w.phase(first, running)
	time.Sleep(20 * time.Millisecond)
	if n := w.launcher.starts("c1") + w.launcher.starts("c2") + w.launcher.starts("b0"); n != 0 {
		t.Errorf("%d equal calls run beside the one that ran already", n)
	}
	w.launcher.finish(first, ok)
	for _, name := range []string{"c1", "c2", "b0"} {
		if a := w.phase(ActionID{root.Run, name}, succeeded); a.CacheStatus != core.CatalogCacheStatus_CACHE_HIT {
			t.Errorf("%s: %s", name, a.CacheStatus)
		}
	}
}

func TestConcurrencyAcrossACrash(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"), func(n *NewRun) { n.Spec = &task.RunSpec{MaxActionConcurrency: 2} })
	w.phase(root, running)
	c := w.enqueue(child(root, "c0", template("c")))
	w.phase(c, running)
	for i := range 3 {
		w.enqueue(child(root, fmt.Sprint("c", i+1), template("c")))
	}
	w.crash()
	w.phase(c, running)
	time.Sleep(20 * time.Millisecond)
	if n := w.launcher.starts("c1") + w.launcher.starts("c2") + w.launcher.starts("c3"); n != 0 {
		t.Errorf("%d children run beside the two actions that ran already", n)
	}
	for range 4 {
		w.launcher.finishAny("c")
	}
	w.launcher.finish(root, ok)
	w.phase(root, succeeded)
}

func TestSuccessBeforeTheDeadlineCountsWhenSeenLater(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t", func(t *core.TaskTemplate) {
		t.Metadata.Timeouts = &core.TimeoutStrategy{Deadline: durationpb.New(time.Hour)}
	}))
	w.phase(root, running)
	w.down()
	w.launcher.finish(root, ok)
	w.config.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	w.launcher.mu.Lock()
	w.launcher.patient = true
	w.launcher.mu.Unlock()
	w.open()
	w.phase(root, succeeded)
}

// A clock that was set back makes children older than their parents.
func TestChildrenOlderThanTheirParents(t *testing.T) {
	w := newWorld(t)
	var back atomic.Int64
	w.down()
	w.config.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
	w.open()
	root := w.run("r", template("t"))
	w.phase(root, running)
	parent := w.enqueue(child(root, "z", template("z")))
	w.phase(parent, running)
	back.Store(int64(time.Hour))
	c := w.enqueue(child(parent, "a", template("a")))
	w.phase(c, running)
	back.Store(0)
	w.crash()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var children []string
	_ = w.e.WatchChildren(ctx, parent, func(u Update) error {
		if u.Action == nil {
			return errors.New("enough")
		}
		children = append(children, u.Action.ID.Name)
		return nil
	})
	if !slices.Equal(children, []string{"a"}) {
		t.Errorf("after the restart, the parent hears of %q", children)
	}
}

func TestNoRunBeginsWhileAllAreStopped(t *testing.T) {
	w := newWorld(t)
	if err := w.e.StopAll(context.Background(), "down"); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.e.CreateRun(context.Background(), NewRun{ID: RunID{"p", "d", "late"}, Task: template("t")})
	if !errors.Is(err, ErrShutdown) {
		t.Errorf("a run was accepted that nobody will abort: %v", err)
	}
}

// An abort that the disk does not take is reported, and changes nothing.
func TestAbortThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	root := w.run("r", template("t"))
	w.phase(root, running)
	c := w.enqueue(&actions.Action{ActionId: protoID(root.Run, "c"), ParentActionName: proto.String(root.Name),
		Spec: &actions.Action_Condition{Condition: &workflow.ConditionAction{Name: "c"}}})
	w.book.Close()
	if err := w.e.AbortAction(c, "x"); err == nil {
		t.Error("the abort was accepted, and is written nowhere")
	}
	if a, err := w.e.Action(c); err != nil || a.Phase != paused {
		t.Errorf("%v %v", a.Phase, err)
	}
	w.e.Close()
	w.launcher.orphan()
	w.open()
}

func TestUnfinished(t *testing.T) {
	w := newWorld(t)
	w.launcher.plan["quick"] = func(int) End { return ok }
	w.phase(w.run("b", template("t")), running)
	w.phase(w.run("over", template("quick")), succeeded)
	w.phase(w.run("a", template("t")), running)
	w.crash()
	var got []string
	for _, root := range w.e.Unfinished() {
		got = append(got, root.ID.Run.Name)
	}
	if !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("got %q", got)
	}
}

// A record that cannot be read keeps nobody else from going on.
func TestUnreadableRun(t *testing.T) {
	w := newWorld(t)
	bad, good := w.run("bad", template("t")), w.run("good", template("t"))
	w.phase(bad, running)
	w.phase(good, running)
	if err := w.book.Update(func(tx book.Tx) error { return tx.Put(book.States, bad.key(), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	var warned []string
	w.crashWith(Config{Warn: func(text string) { warned = append(warned, text) }})
	w.phase(good, running)
	if len(warned) != 1 || !strings.Contains(warned[0], "bad") {
		t.Errorf("warned of %q", warned)
	}
}
