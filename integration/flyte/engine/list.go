// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"strings"

	"drydock/integration/flyte/book"
)

// RunFilter selects runs for Runs. Zero fields select all.
type RunFilter struct {
	Project, Domain string
	Match           func(run *Run, root *Action) bool
	Oldest          bool // oldest first; else newest first
	Limit           int  // 0: all
	Token           string
}

// Run returns a run. Error: ErrNotFound.
func (e *Engine) Run(id RunID) (*Run, error) {
	if r := e.liveRun(id); r != nil {
		return r.run, nil
	}
	var run *Run
	err := e.c.Book.View(func(tx book.Tx) (err error) {
		run, err = getRun(tx, id)
		return err
	})
	return run, err
}

// Unfinished returns the root actions of runs that are not over, oldest first.
// It costs nothing for those that are, however many there are.
func (e *Engine) Unfinished() []*Action {
	var roots []*Action
	for _, r := range e.liveRuns() {
		r.mu.Lock()
		if n := r.nodes[RootAction]; n != nil && !n.a.Done() {
			roots = append(roots, n.a)
		}
		r.mu.Unlock()
	}
	slices.SortFunc(roots, func(a, b *Action) int { return a.Created.Compare(b.Created) })
	return roots
}

// Action returns the newest snapshot of an action. Error: ErrNotFound.
func (e *Engine) Action(id ActionID) (*Action, error) {
	if r := e.liveRun(id.Run); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := r.nodes[id.Name]; n != nil {
			return n.a, nil
		}
		return nil, fmt.Errorf("action %s: %w", id, ErrNotFound)
	}
	var a *Action
	err := e.c.Book.View(func(tx book.Tx) (err error) {
		a, err = getAction(tx, id)
		return err
	})
	return a, err
}

// Actions returns all actions of a run, oldest first. Error: ErrNotFound.
func (e *Engine) Actions(id RunID) ([]*Action, error) {
	if r := e.liveRun(id); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.all(), nil
	}
	var all []*Action
	err := e.c.Book.View(func(tx book.Tx) (err error) {
		if _, err = getRun(tx, id); err == nil {
			all, err = readActions(tx, id)
		}
		return err
	})
	return all, err
}

// all returns the snapshots in order. Call it with mu held.
func (r *liveRun) all() []*Action {
	all := make([]*Action, len(r.order))
	for i, n := range r.order {
		all[i] = n.a
	}
	return all
}

// readActions reads a run's actions, parents before their children.
func readActions(tx book.Tx, id RunID) ([]*Action, error) {
	var all []*Action
	var failure error
	tx.Scan(book.Specs, id.key()+"/", "", func(key string, spec []byte) bool {
		name := strings.TrimPrefix(key, id.key()+"/")
		a, err := readAction(ActionID{id, name}, spec, tx.Get(book.States, key))
		if err != nil {
			failure = err
			return false
		}
		all = append(all, a)
		return true
	})
	slices.SortStableFunc(all, func(a, b *Action) int {
		if a.ID.Name == RootAction || b.ID.Name == RootAction { // whatever the clock did
			if a.ID.Name == b.ID.Name {
				return 0
			} else if a.ID.Name == RootAction {
				return -1
			}
			return 1
		}
		return a.Created.Compare(b.Created)
	})
	return parentsFirst(all), failure
}

// parentsFirst moves actions behind their parents where the clock was set back
// between the two, and leaves the order otherwise.
func parentsFirst(all []*Action) []*Action {
	byName := make(map[string]*Action, len(all))
	for _, a := range all {
		byName[a.ID.Name] = a
	}
	sorted := make([]*Action, 0, len(all))
	var add func(a *Action)
	add = func(a *Action) {
		if a == nil || byName[a.ID.Name] == nil {
			return
		}
		delete(byName, a.ID.Name)
		add(byName[a.Parent])
		sorted = append(sorted, a)
	}
	for _, a := range all {
		add(a)
	}
	return sorted
}

// Runs lists runs with their root actions, page by page: next is the token of
// the following page, "" after the last one. A token that it did not make is
// ErrInvalid.
func (e *Engine) Runs(f RunFilter) (runs []*Run, roots []*Action, next string, err error) {
	if _, run, _ := strings.Cut(f.Token, "/"); f.Token != "" && strings.Count(run, "/") != 2 {
		return nil, nil, "", fmt.Errorf("%w: the page token %q is none of drydock's", ErrInvalid, f.Token)
	}
	token := f.Token // of the last run that was looked at
	for {
		ids, tokens := e.page(f.Oldest, token)
		if len(ids) == 0 {
			return runs, roots, "", nil
		}
		for i, id := range ids {
			before := token
			token = tokens[i]
			if f.Project != "" && id.Project != f.Project || f.Domain != "" && id.Domain != f.Domain {
				continue
			}
			run, err := e.Run(id)
			if err != nil {
				return nil, nil, "", err
			}
			root, err := e.Action(ActionID{id, RootAction})
			if err != nil {
				return nil, nil, "", err
			}
			if f.Match != nil && !f.Match(run, root) {
				continue
			}
			if f.Limit > 0 && len(runs) == f.Limit {
				return runs, roots, before, nil
			}
			runs, roots = append(runs, run), append(roots, root)
		}
	}
}

// pageSize is how many runs are looked at in one read of the book.
const pageSize = 256

// page returns the ids of runs after a token, and the token after each. It
// reads only the book: nothing that waits for a run's lock may happen inside
// a transaction.
func (e *Engine) page(oldest bool, token string) (ids []RunID, tokens []string) {
	_ = e.c.Book.View(func(tx book.Tx) error {
		visit := func(key string, _ []byte) bool {
			_, run, _ := strings.Cut(key, "/")
			if id, ok := runIDOf(run); ok && key != token {
				ids, tokens = append(ids, id), append(tokens, key)
			}
			return len(ids) < pageSize
		}
		if oldest {
			tx.Scan(book.RunTimes, "", token, visit)
		} else {
			tx.ScanBack(book.RunTimes, "", token, visit)
		}
		return nil
	})
	return ids, tokens
}
