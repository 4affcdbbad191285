// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"sync"
)

// Update is news for a parent about one of its children, or, when Action is
// nil, the end of the snapshot.
type Update struct{ Action *Action }

// Watches call f from the caller's goroutine. They end with f's error, with
// ctx's cause, with ErrShutdown when the server goes, and with nil when
// nothing is to come any more. What is not there is ErrNotFound, before f is
// called.

// WatchAction calls f with an action's state at once and after each change;
// states that follow each other fast may be left out, the last one never.
func (e *Engine) WatchAction(ctx context.Context, id ActionID, f func(*Action) error) error {
	r := e.liveRun(id.Run)
	if r == nil {
		a, err := e.Action(id)
		if err != nil {
			return err
		}
		return f(a)
	}
	var seen uint64
	for {
		r.mu.Lock()
		n := r.nodes[id.Name]
		changed := r.changed
		var a *Action
		if n != nil {
			a = n.a
		}
		r.mu.Unlock()
		if a == nil {
			return fmt.Errorf("action %s: %w", id, ErrNotFound)
		}
		if a.Revision != seen {
			seen = a.Revision
			if err := f(a); err != nil || a.Done() {
				return err
			}
		}
		if err := e.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// WatchRun calls f with all of a run's actions at once, and then with those
// that changed, until the run is over.
func (e *Engine) WatchRun(ctx context.Context, id RunID, f func([]*Action) error) error {
	r := e.liveRun(id)
	if r == nil {
		all, err := e.Actions(id)
		if err != nil {
			return err
		}
		return f(all)
	}
	r.mu.Lock()
	news, at := r.all(), len(r.log)
	r.mu.Unlock()
	for {
		if len(news) > 0 {
			if err := f(news); err != nil {
				return err
			}
		}
		r.mu.Lock()
		news = r.since(&at, nil)
		changed, over := r.changed, r.over()
		r.mu.Unlock()
		if len(news) > 0 {
			continue
		}
		if over {
			return nil
		}
		if err := e.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// WatchChildren calls f with the state of every child of a parent, then with
// an empty Update, and then with every change, until ctx ends: a parent that
// is retried asks for more of them.
func (e *Engine) WatchChildren(ctx context.Context, parent ActionID, f func(Update) error) error {
	r := e.liveRun(parent.Run)
	if r == nil {
		return e.watchEnded(ctx, parent, f)
	}
	r.mu.Lock()
	n := r.nodes[parent.Name]
	if n == nil {
		r.mu.Unlock()
		return fmt.Errorf("action %s: %w", parent, ErrNotFound)
	}
	var news []*Action
	for _, c := range n.children {
		news = append(news, c.a)
	}
	at := len(r.log)
	r.mu.Unlock()
	snapshot := true
	for {
		for _, a := range news {
			if err := f(Update{a}); err != nil {
				return err
			}
		}
		if snapshot {
			snapshot = false
			if err := f(Update{}); err != nil {
				return err
			}
		}
		r.mu.Lock()
		news = r.since(&at, n)
		changed := r.changed
		r.mu.Unlock()
		if len(news) > 0 {
			continue
		}
		if err := e.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// watchEnded serves a parent of a run that is over: all it can have is the
// snapshot.
func (e *Engine) watchEnded(ctx context.Context, parent ActionID, f func(Update) error) error {
	all, err := e.Actions(parent.Run)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Parent == parent.Name && a.ID.Name != RootAction {
			if err := f(Update{a}); err != nil {
				return err
			}
		}
	}
	if err := f(Update{}); err != nil {
		return err
	}
	return e.wait(ctx, nil)
}

// since returns what changed after an entry of the log, each action once and
// as it is now, and moves the entry to the end. parent restricts it to one
// action's children. Call it with mu held.
func (r *liveRun) since(at *int, parent *node) []*Action {
	var news []*Action
	for ; *at < len(r.log); *at++ {
		c := r.log[*at]
		if c.node.a.Revision != c.revision { // a later entry tells it
			continue
		}
		if parent == nil || r.nodes[c.node.a.Parent] == parent && c.node.a.ID.Name != RootAction {
			news = append(news, c.node.a)
		}
	}
	return news
}

// wait waits for a change; an error is the end of the watch.
func (e *Engine) wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.closing:
		return ErrShutdown
	}
}

// WatchRuns calls f with every change of a root action from now on. A watcher
// that is slow misses states, but never the last one of a run. First it calls
// f with nothing: what is read from then on misses no change.
func (e *Engine) WatchRuns(ctx context.Context, f func(*Run, *Action) error) error {
	w := e.roots.join()
	defer e.roots.leave(w)
	if err := f(nil, nil); err != nil {
		return err
	}
	for {
		for _, n := range w.take() {
			if err := f(n.run, n.root); err != nil {
				return err
			}
		}
		if err := e.wait(ctx, w.news); err != nil {
			return err
		}
	}
}

func (e *Engine) tellRoot(run *Run, root *Action) { e.roots.tell(rootNews{run, root}) }

// roots passes the changes of root actions on.
type roots struct {
	mu       sync.Mutex
	watchers map[*rootWatcher]bool
}

type rootNews struct {
	run  *Run
	root *Action
}

// rootWatcher keeps the newest state of every run that changed.
type rootWatcher struct {
	news    chan struct{} // one token when something is pending
	mu      sync.Mutex
	pending map[RunID]int
	queue   []rootNews
}

func newRoots() *roots { return &roots{watchers: map[*rootWatcher]bool{}} }

func (s *roots) join() *rootWatcher {
	w := &rootWatcher{news: make(chan struct{}, 1), pending: map[RunID]int{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = true
	return w
}

func (s *roots) leave(w *rootWatcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

func (s *roots) tell(n rootNews) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		w.add(n)
	}
}

func (w *rootWatcher) add(n rootNews) {
	w.mu.Lock()
	if i, ok := w.pending[n.run.ID]; ok {
		w.queue[i] = n
	} else {
		w.pending[n.run.ID] = len(w.queue)
		w.queue = append(w.queue, n)
	}
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

func (w *rootWatcher) take() []rootNews {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.queue
	w.queue = nil
	clear(w.pending)
	return queue
}
