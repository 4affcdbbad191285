// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/client"
)

// Machine admits to this machine, beside all other processes that go by the
// same lease directory. It is safe for concurrent use.
//
// Each process takes the machine for as large as its own capacity says, and
// counts what everybody holds. A process has few tickets, for the first of its
// waiting tasks: so a fan-out of thousands costs the others no more than a few
// places in the queue, and the directory no more than a few files.
type Machine struct {
	dir      dir
	capacity sandbox.Amounts

	// gate is held around the directory's lock, so that this process tries for
	// it once at a time. It guards the next three.
	gate     sync.Mutex
	made     bool                     // the directory was found fit
	idle     map[string]time.Duration // by ticket: since when others could have started and did not
	shutFrom time.Duration            // since when the lock is not to be had; 0: it is

	mu      sync.Mutex // guards what follows; taken inside gate
	waiting list.List  // of *place
	gone    []*place   // of those, who wait no more
	open    bool       // a desk goroutine serves them
	kick    chan struct{}
}

// place is a waiter's place in this process's queue. Its ticket is the desk's.
type place struct {
	*waiter
	in     *list.Element // of Machine.waiting, which is in the order of came
	came   time.Duration
	left   bool     // nobody waits any more; guarded by Machine.mu
	ticket *os.File // nil: none yet; this and name are guarded by the gate
	name   string   // of the ticket
}

const (
	// tickets is how many of a process's waiting tasks have one.
	tickets = 4
	// pollEvery is how often a waiting process looks although nothing woke it.
	pollEvery = time.Second
	// idleMost is how long somebody who could start is waited for: his process
	// may have been stopped (Ctrl-Z).
	idleMost = 5 * time.Second
)

// NewMachine returns a desk at the lease directory dir; "": the machine's (see
// client.LeasesIn). The directory is made when it is first needed.
func NewMachine(directory string, capacity sandbox.Amounts) (*Machine, error) {
	return &Machine{dir: dir(client.LeasesIn(directory)), capacity: capacity,
		idle: map[string]time.Duration{}, kick: make(chan struct{}, 1)}, nil
}

// Shared returns the process's one desk for a lease directory and a capacity:
// what of this process waits stands in one queue.
func Shared(directory string, capacity sandbox.Amounts) (*Machine, error) {
	type key struct {
		dir      client.Leases
		capacity sandbox.Amounts
	}
	m, err := NewMachine(directory, capacity)
	if err != nil {
		return nil, err
	}
	one, _ := desks.LoadOrStore(key{client.LeasesIn(directory), capacity}, m)
	return one.(*Machine), nil
}

var desks sync.Map // of *Machine; one that nobody uses is a few words

// Capacity is what this process takes the machine for.
func (m *Machine) Capacity() sandbox.Amounts { return m.capacity }

// now is the time on the clock that all tickets go by.
func now() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // it cannot fail
	return time.Duration(t.Nano())
}

// Take returns a claim, waiting until there is room. Before it waits it calls
// tell with what it waits for, and again when that changes; calls are over when
// Take returns. It ends early with ctx's cause. A demand that never fits is a
// *NeverError; a directory whose lock somebody keeps ends in a *LockError.
func (m *Machine) Take(ctx context.Context, r Request, tell func(string)) (*Claim, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := Never(m.capacity, r.Demand); err != nil {
		return nil, err
	}
	p := &place{waiter: newWaiter(r, now())}
	p.came = p.since
	if ahead := m.join(p); ahead == 0 {
		m.serve() // most often there is room
	} else if ahead < window {
		m.wake()
	}
	m.staff()
	if p.wait(ctx, tell) {
		return p.claim, p.err
	}
	m.leave(p)
	return nil, context.Cause(ctx)
}

// join puts p into the queue, most often at its end; ahead says how many stand
// before it.
func (m *Machine) join(p *place) (ahead int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ahead = m.waiting.Len()
	after := m.waiting.Back()
	for ; after != nil && p.request.Since > 0 && after.Value.(*place).came > p.came; after = after.Prev() {
		ahead--
	}
	if ahead >= tickets {
		p.say(turnReason(ahead))
	}
	if after == nil {
		p.in = m.waiting.PushFront(p)
	} else {
		p.in = m.waiting.InsertAfter(p, after)
	}
	return ahead
}

// leave takes p out of the queue, or gives back what it was given meanwhile.
func (m *Machine) leave(p *place) {
	m.mu.Lock()
	p.left = true
	claim, settled := p.claim, p.claim != nil || p.err != nil
	if !settled {
		m.gone = append(m.gone, p)
	}
	m.mu.Unlock()
	if claim != nil {
		claim.Release()
	}
	if !settled {
		m.wake() // the desk takes it out, and its ticket back
	}
}

// Holders are those who are in, of all processes.
func (m *Machine) Holders() ([]Holder, error) {
	s, err := m.dir.look(0, false)
	return s.holders, err
}

// Look makes those who wait look again: something has changed that is not in
// the directory, such as what a Choice's Pick goes by.
func (m *Machine) Look() { m.wake() }

func (m *Machine) wake() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// Force returns a claim at once, even beyond the capacity: what runs already
// cannot be made to wait. Nobody new is let in until it fits again. The
// sandbox's own lease counts meanwhile: an error leaves the claim uncounted
// twice only, and it cannot be lent.
func (m *Machine) Force(r Request) (*Claim, error) {
	devices, _ := choose(nil, r.Demand.leased().Devices)
	holds := sandbox.Holds{Amounts: r.Demand.Amounts, Devices: devices}
	for deadline := time.Now().Add(forcePatience); ; time.Sleep(pollEvery / 100) {
		c, err := m.force(r, holds)
		// The process that had it is just dying: a kill takes a moment.
		if err == nil || !errors.Is(err, os.ErrExist) || time.Now().After(deadline) {
			return c, err
		}
	}
}

// forcePatience is how long the claim of a dying process is waited for.
const forcePatience = 2 * time.Second

func (m *Machine) force(r Request, holds sandbox.Holds) (*Claim, error) {
	m.gate.Lock()
	defer m.gate.Unlock()
	unlock, err := m.enter(forcePatience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, _, err := m.dir.claim(claimName(r.ID, r.Attempt), true); err != nil { // removes a dead one
		return nil, err
	}
	return m.hold(r, holds)
}

// enter takes the directory's lock; the gate is held.
func (m *Machine) enter(limit time.Duration) (unlock func(), err error) {
	if !m.made {
		if err := client.Leases(m.dir).Make(); err != nil {
			return nil, err
		}
		m.made = true
	}
	unlock, err = m.dir.lock(context.Background(), limit)
	if errors.Is(err, os.ErrNotExist) {
		m.made = false // somebody has tidied up; it is made again next time
	}
	return unlock, err
}

// hold writes a claim; the directory's lock is held.
func (m *Machine) hold(r Request, holds sandbox.Holds) (*Claim, error) {
	name := claimName(r.ID, r.Attempt)
	f, err := m.dir.keep(name, claimFile{Version: fileVersion, ID: r.ID, Attempt: r.Attempt, PID: os.Getpid(), Since: now(), Holds: holds})
	if err != nil {
		return nil, err
	}
	return &Claim{Holds: holds, move: func(_, to claimState) {
		switch to {
		case released:
			m.dir.discard(name, f)
		case lent:
			mark(f, '1')
		case held:
			mark(f, '0')
		}
	}}, nil
}

// mark writes whether a claim is lent, and wakes those who watch: new times are
// what they see.
func mark(f *os.File, lent byte) {
	_, _ = f.WriteAt([]byte{lent}, lentOffset)
	at := unix.NsecToTimeval(time.Now().UnixNano())
	_ = unix.Futimes(int(f.Fd()), []unix.Timeval{at, at})
}

// ticket writes p's; the directory's lock is held.
func (m *Machine) ticket(p *place) error {
	since := now()
	if p.request.Since > 0 {
		since = p.request.Since
	}
	name := ticketName(since, p.request.ID, p.request.Attempt)
	f, err := m.dir.keep(name, ticketFile{Version: fileVersion, ID: p.request.ID, Attempt: p.request.Attempt,
		PID: os.Getpid(), Since: since, Demand: p.request.Demand, Capacity: m.capacity})
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	p.ticket, p.name, p.since = f, name, since
	return nil
}
