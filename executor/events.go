// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"sync"
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

// EventType says what happened.
type EventType string

// The events of a task, in the order in which they come. Queued to Retried
// may come once for each attempt; Ended is the last and comes exactly once.
const (
	EventQueued   EventType = "queued"
	EventAdmitted EventType = "admitted"
	EventPull     EventType = "pull" // only where an image has to be fetched
	EventStarted  EventType = "started"
	EventOutput   EventType = "output" // only with WithOutputEvents
	EventSample   EventType = "sample"
	EventGPU      EventType = "gpu" // only with devices, about once a second
	EventOOM      EventType = "oom" // at most once for each attempt
	EventRetried  EventType = "retried"
	EventEnded    EventType = "ended"
)

// Event is something that happened to a task; the pointer named as its Type
// is set, and only that one.
type Event struct {
	Type    EventType
	Time    time.Time
	ID      string
	Attempt int // from 1; 0: none yet

	Queued   *Queued
	Admitted *Admitted
	Pull     *Pull
	Started  *sandbox.Started
	Output   *Output
	Sample   *sandbox.Sample
	GPU      *GPUUse
	OOM      *OOMReport // told live, it knows less than the verdict's
	Retried  *Retried
	Ended    *Result
}

// Queued says what an attempt needs and, if it has to wait, for what.
type Queued struct {
	Name      string // the task's
	Resources resources.Demand
	Waiting   string // one sentence; "": there is room
}

// Admitted says with what an attempt runs: everything that was asked and that
// this machine does not hold is named here, before the program starts.
type Admitted struct {
	Resources resources.Demand
	Image     string // as it was asked for; "": none
	// Accelerators are what it was given; nil: it asked for none.
	Accelerators *Accelerators
	Limits       []sandbox.Enforcement // empty when the sandbox cannot tell beforehand
	Warnings     []resources.Warning
	Dir          string // the attempt's directory
}

// Pull tells how far an attempt's image has come. Nothing is told of one that
// is here already.
type Pull struct {
	Image       string // its reference
	Done, Total int64  // bytes of what is transferred; Total 0: not known yet
	Finished    bool   // it is here: the last of them
}

// Output is a piece of a task's output. Data belongs to the receiver. A
// character of UTF-8 is never split over two pieces.
type Output struct {
	Stream Stream
	Data   []byte
}

// Stream is one of a task's two output streams.
type Stream string

// The output streams.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

// Retried says that another attempt follows.
type Retried struct {
	Number    int           // of the attempt that follows
	Reason    string        // one sentence
	Delay     time.Duration // until then
	Resources resources.Demand
}

// maxHeld bounds the output, in bytes, that waits for the started event.
const maxHeld = 1 << 20

// emitter hands events to one consumer, in order and one at a time. It is
// safe for concurrent use; a nil consumer drops everything.
type emitter struct {
	consume  func(Event)
	id, name string // the task's

	mu      sync.Mutex // guards what follows, and is held while consume runs
	attempt int
	started bool
	held    []Event // output that overtook the attempt's started event
	size    int
	ended   bool
}

// emit stamps and delivers one event. Output and the sandbox's own events
// come from different goroutines: output of an attempt is held back until its
// started event has gone out, so that a reader meets them in that order.
func (m *emitter) emit(e Event) {
	if m.consume == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	e.ID, e.Attempt = m.id, m.attempt
	if e.Queued != nil {
		e.Queued.Name = m.name
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Type == EventOutput && !m.started {
		m.held = append(m.held, e)
		if m.size += len(e.Output.Data); m.size > maxHeld {
			m.release()
		}
		return
	}
	if e.Type == EventGPU && !m.started { // nothing of the attempt's
		return
	}
	if e.Type == EventStarted {
		m.consume(e)
		m.release()
		return
	}
	m.ended = e.Type == EventEnded
	m.consume(e)
}

// release lets held output go; the lock is held.
func (m *emitter) release() {
	m.started = true
	for _, e := range m.held {
		m.consume(e)
	}
	m.held, m.size = nil, 0
}

// begin makes n the attempt that events belong to.
func (m *emitter) begin(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempt, m.started = n, false
}

// finish lets output go that no started event will follow.
func (m *emitter) finish() {
	if m.consume == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release()
}
