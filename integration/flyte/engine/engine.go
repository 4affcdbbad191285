// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// Errors that callers tell apart with errors.Is; the texts wrap details.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrInvalid  = errors.New("invalid")            // what was asked can never work
	ErrBusy     = errors.New("too much is queued") // try again later
	ErrRunOver  = errors.New("the run is over")    // no children any more
	ErrShutdown = errors.New("the server is going down")
)

// Objects is what the engine needs of the object store.
type Objects interface {
	// Read returns the object at a URI, at most limit bytes of it. A missing
	// one is an error for which errors.Is(err, fs.ErrNotExist) holds.
	Read(ctx context.Context, uri string, limit int64) ([]byte, error)
	// Exists reports whether there is an object at a URI.
	Exists(ctx context.Context, uri string) (bool, error)
}

// Config says with what an Engine works.
type Config struct {
	Book     *book.Book
	Launcher Launcher
	Objects  Objects
	// OutputBase is the URI below which runs' outputs lie: s3://bucket.
	OutputBase string
	// MaxQueued is how many task actions may wait to run before Enqueue
	// answers ErrBusy. 0: DefaultMaxQueued.
	MaxQueued int
	// SystemRetries is how often an attempt is tried again after failures of
	// kind system in a row. 0: Flyte's own 3; negative: never.
	SystemRetries int
	// Observe is told of everything that happens, in order for each run; nil:
	// nobody. It must return at once and not call the Engine.
	Observe func(Event)
	// Warn is told, in a sentence, of a run that cannot be taken up again; nil:
	// nobody is.
	Warn func(text string)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Defaults of Config.
const (
	DefaultMaxQueued     = 10_000
	DefaultSystemRetries = 3 // Flyte: executor's maxSystemFailures
)

// Engine runs the actions of Flyte runs. Its methods are safe for concurrent
// use.
type Engine struct {
	c      Config
	queued atomic.Int64

	mu       sync.Mutex
	live     map[RunID]*liveRun
	stopping bool // no new runs
	closed   bool
	closing  chan struct{}
	drivers  sync.WaitGroup
	roots    *roots
	reserve  *reservations
}

// NewRun asks for a run.
type NewRun struct {
	ID         RunID // Name "": one is invented
	TaskID     *task.TaskIdentifier
	Task       *task.TaskSpec
	Spec       *task.RunSpec // nil: empty
	InputURI   string        // directory of inputs.pb
	InputsHash string
	Source     workflow.RunSource
	StartTime  time.Time // zero: now
}

// Event is something that happened, for displays. Progress is set for news of
// an attempt that is not in the record, End where an attempt's end changed the
// action.
type Event struct {
	Time     time.Time
	Run      *Run
	Action   *Action
	Progress *Progress
	End      *End
}

// New returns an Engine that knows the unfinished runs in the book. It starts
// nothing: see Resume.
func New(c Config) (*Engine, error) {
	if c.Book == nil || c.Launcher == nil || c.Objects == nil {
		return nil, errors.New("engine: Config needs a Book, a Launcher and Objects")
	}
	if c.MaxQueued <= 0 {
		c.MaxQueued = DefaultMaxQueued
	}
	if c.SystemRetries == 0 {
		c.SystemRetries = DefaultSystemRetries
	}
	e := &Engine{c: c, live: map[RunID]*liveRun{}, closing: make(chan struct{}),
		roots: newRoots(), reserve: newReservations()}
	return e, e.load()
}

// load reads the unfinished runs.
func (e *Engine) load() error {
	return e.c.Book.View(func(tx book.Tx) error {
		tx.Scan(book.Open, "", "", func(key string, _ []byte) bool {
			id, ok := runIDOf(key)
			if !ok {
				return true
			}
			r, err := e.loadRun(tx, id)
			if err != nil { // the others go on
				e.warn(fmt.Sprintf("run %s cannot be taken up again: %v", id.key(), err))
				return true
			}
			e.live[id] = r
			return true
		})
		return nil
	})
}

func (e *Engine) loadRun(tx book.Tx, id RunID) (*liveRun, error) {
	run, err := getRun(tx, id)
	if err != nil {
		return nil, err
	}
	all, err := readActions(tx, id)
	if err != nil {
		return nil, err
	}
	r := newLiveRun(e, run)
	for _, a := range all {
		r.revision++
		a.Revision = r.revision
		r.place(a)
		e.count(common.ActionPhase_ACTION_PHASE_UNSPECIFIED, a)
	}
	return r, nil
}

// Resume takes up the unfinished runs: attempts that still run are followed,
// what ended meanwhile is settled, and what had not begun begins.
func (e *Engine) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.live {
		r.mu.Lock()
		for _, n := range r.order {
			r.resume(n)
		}
		r.mu.Unlock()
		go e.retire(r)
	}
}

// resume takes up one action. Call it with the run's mu held.
func (r *liveRun) resume(n *node) {
	last := n.a.Last()
	left := n.a.Done() && last != nil && last.Ended.IsZero() // aborted, and its sandbox may be there
	if parent := r.nodes[n.a.Parent]; n.a.Parent != "" && parent != nil && parent.a.Done() && !n.a.Done() {
		_ = r.abort(n, fmt.Sprintf("its parent %s ended", n.a.Parent)) // else its own end does it
		left = last != nil && last.TaskID != ""
	}
	switch {
	case n.a.Condition != nil && !n.a.Done():
		r.await(n)
	case n.a.Task != nil && (left || !n.a.Done()):
		r.start(n, true)
	}
}

// Close ends all watches and lets go of running attempts: their supervisors
// go on without us, and the next process adopts them. Nothing is recorded any
// more when it returns.
func (e *Engine) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.closing)
	}
}

// StopAll aborts every unfinished run and waits until nothing of them is
// left, or until ctx ends. New runs are refused from then on (ErrShutdown).
func (e *Engine) StopAll(ctx context.Context, reason string) error {
	e.mu.Lock()
	e.stopping = true
	e.mu.Unlock()
	for _, r := range e.liveRuns() {
		_ = e.AbortRun(r.run.ID, reason)
	}
	done := make(chan struct{})
	go func() { e.drivers.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *Engine) liveRuns() []*liveRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*liveRun
	for _, r := range e.live {
		all = append(all, r)
	}
	return all
}

// liveRun returns a run that is not over, or nil.
func (e *Engine) liveRun(id RunID) *liveRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live[id]
}

// update writes to the book, unless the engine is closed.
func (e *Engine) update(f func(book.Tx) error) error {
	select {
	case <-e.closing:
		return ErrShutdown
	default:
		return e.c.Book.Update(f)
	}
}

// retire forgets a run when it is over. The locks' order is e.mu, r.mu.
func (e *Engine) retire(r *liveRun) {
	if !r.isOver() { // most often; nobody else waits for that
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over() || e.live[r.run.ID] != r {
		return
	}
	if e.update(func(tx book.Tx) error { return tx.Delete(book.Open, r.run.ID.key()) }) == nil {
		delete(e.live, r.run.ID)
	}
}

// count keeps the number of task actions that wait to run.
func (e *Engine) count(before common.ActionPhase, after *Action) {
	if after.Task == nil {
		return
	}
	if isQueued(before) {
		e.queued.Add(-1)
	}
	if isQueued(after.Phase) {
		e.queued.Add(1)
	}
}

func isQueued(p common.ActionPhase) bool {
	return p == common.ActionPhase_ACTION_PHASE_QUEUED || p == common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES
}

func (e *Engine) observe(ev Event) {
	if e.c.Observe != nil {
		ev.Time = e.now()
		e.c.Observe(ev)
	}
}

func (e *Engine) warn(text string) {
	if e.c.Warn != nil {
		e.c.Warn(text)
	}
}

func (e *Engine) now() time.Time {
	if e.c.Now != nil {
		return e.c.Now()
	}
	return time.Now()
}

// newRunName invents one: a letter and 19 characters, a valid DNS label.
func newRunName() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	name := make([]byte, 20)
	_, _ = rand.Read(name) // never fails
	for i, b := range name {
		name[i] = letters[int(b)%len(letters)] // a little uneven, and far from colliding
	}
	name[0] = 'r'
	return string(name)
}
