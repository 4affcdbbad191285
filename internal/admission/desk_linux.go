// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"errors"
	"slices"
	"time"
)

// staff sees to it that a goroutine serves the queue while somebody waits.
func (m *Machine) staff() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.open && m.waiting.Len() > 0 {
		m.open = true
		go m.desk()
	}
}

// desk serves the queue until nobody waits.
func (m *Machine) desk() {
	var w *watch
	defer func() { w.stop() }()
	for {
		m.serve()
		if m.close() {
			return
		}
		if w == nil {
			// The first look came before it; without one there is the poll.
			if w, _ = m.dir.watch(); w != nil {
				continue
			}
		}
		poll := time.NewTimer(pollEvery)
		select {
		case <-m.kick:
		case <-w.changes():
		case <-poll.C:
		}
		poll.Stop()
	}
}

// close reports whether nobody waits; then the next who does gets another desk.
func (m *Machine) close() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = m.waiting.Len() > 0
	return !m.open
}

// serve looks at the machine once and lets in whose turn it is.
func (m *Machine) serve() {
	m.gate.Lock()
	defer m.gate.Unlock()
	m.withdraw()
	front := m.front()
	if len(front) == 0 {
		m.shutFrom = 0
		return
	}
	if !needTicket(front) {
		// Most looks change nothing: only who finds something to do takes the lock.
		if v, err := m.look(front, false); err == nil && !v.anyStarts() {
			m.shutFrom = 0
			v.tell()
			return
		}
	}
	if err := m.admit(); err != nil {
		m.failed(err, front)
	}
}

// needTicket reports whether one of those who may have a ticket has none.
func needTicket(front []*place) bool {
	return slices.ContainsFunc(front[:min(tickets, len(front))], func(p *place) bool { return p.ticket == nil })
}

// admit does what there is to do, under the directory's lock.
func (m *Machine) admit() error {
	unlock, err := m.enter(pollEvery)
	if err != nil {
		return err
	}
	defer unlock()
	atStep("lock", "taken")
	m.shutFrom = 0
	for again := true; again; {
		front := m.front()
		if len(front) == 0 {
			return nil
		}
		v, err := m.look(front, true)
		if err != nil {
			return err
		}
		if again, err = m.start(v); err != nil {
			return err
		}
		if again {
			continue // others have come to the front
		}
		v.tell()
		for _, p := range front[:min(tickets, len(front))] {
			if p.ticket == nil {
				if err := m.ticket(p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// front are the first of this process's queue; the gate is held.
func (m *Machine) front() []*place {
	m.mu.Lock()
	defer m.mu.Unlock()
	front := make([]*place, 0, window)
	for e := m.waiting.Front(); e != nil && len(front) < window; e = e.Next() {
		if p := e.Value.(*place); !p.left {
			front = append(front, p)
		}
	}
	return front
}

// withdraw takes those out of the queue who wait no more; the gate is held.
func (m *Machine) withdraw() {
	m.mu.Lock()
	gone := m.gone
	m.gone = nil
	for _, p := range gone {
		m.waiting.Remove(p.in) // does nothing to one that was let in meanwhile
	}
	m.mu.Unlock()
	for _, p := range gone {
		m.giveBack(p)
	}
}

// giveBack removes a place's ticket; the gate is held.
func (m *Machine) giveBack(p *place) {
	if p.ticket != nil {
		m.dir.discard(p.name, p.ticket)
		p.ticket = nil
	}
}

// view is the machine's queue as this process sees it.
type view struct {
	scan
	mine  []*place // of each of the queue; nil: another process's
	turns []turn
	at    time.Duration
}

// look reads the directory and goes by the rule; those of ours who have no
// ticket stand at the end. The gate is held.
func (m *Machine) look(front []*place, tidy bool) (view, error) {
	s, err := m.dir.look(window, tidy)
	if err != nil {
		return view{}, err
	}
	v := view{scan: s, mine: make([]*place, len(s.queue)), at: now()}
	for _, p := range front {
		switch i := slices.Index(s.names, p.name); {
		case p.ticket != nil && i >= 0:
			v.mine[i], v.queue[i].Demand = p, p.request.Demand // a file does not tell all of it
		case p.ticket == nil && len(v.queue) < window:
			v.queue = append(v.queue, Ticket{ID: p.request.ID, Attempt: p.request.Attempt, Since: v.at, Demand: p.request.Demand, Capacity: m.capacity})
			v.mine = append(v.mine, p)
		}
	}
	v.turns = walk(v.holders, v.queue, v.at, m.passed)
	m.watchIdle(v)
	return v, nil
}

// passed names those who had their chance: they do not keep others out. When
// they come back they stand where they stood.
func (m *Machine) passed(t Ticket) bool {
	since, ok := m.idle[ticketName(t.Since, t.ID, t.Attempt)]
	return ok && now()-since > idleMost
}

// watchIdle notes which others could start, and since when.
func (m *Machine) watchIdle(v view) {
	idle := map[string]time.Duration{}
	for i, name := range v.names {
		if v.mine[i] != nil || !v.turns[i].start {
			continue
		}
		idle[name] = v.at
		if since, ok := m.idle[name]; ok {
			idle[name] = since
		}
	}
	m.idle = idle
}

// anyStarts reports whether one of ours may start.
func (v view) anyStarts() bool {
	for i, p := range v.mine {
		if p != nil && v.turns[i].start {
			return true
		}
	}
	return false
}

// tell says to those of ours who wait for what.
func (v view) tell() {
	for i, p := range v.mine {
		if p != nil && !v.turns[i].start {
			p.say(reason(v.queue[i], v.turns[i], v.holders, i, v.at))
		}
	}
}

// start lets those of ours in whose turn it is and reports whether there were
// any; the directory's lock is held.
func (m *Machine) start(v view) (some bool, err error) {
	for i, p := range v.mine {
		if p == nil || !v.turns[i].start {
			continue
		}
		claim, err := m.hold(p.request, v.turns[i].holds)
		if err != nil {
			return some, err
		}
		m.giveBack(p) // the claim is there before the ticket goes
		m.settle(p, claim, nil)
		some = true
	}
	return some, nil
}

// settle ends a wait, unless it was over already.
func (m *Machine) settle(p *place, c *Claim, err error) {
	m.mu.Lock()
	m.waiting.Remove(p.in)
	left := p.left
	p.waiter.settle(c, err)
	m.mu.Unlock()
	if left && c != nil {
		c.Release()
	}
}

// failed ends all waits with err; the gate is held. Of a lock that somebody
// keeps those in front are told first, for a while.
func (m *Machine) failed(err error, front []*place) {
	if kept, ok := errors.AsType[*LockError](err); ok {
		if m.shutFrom == 0 {
			m.shutFrom = now() - kept.Waited
		}
		kept.Waited = (now() - m.shutFrom).Round(time.Second)
		if kept.Waited < lockPatience {
			for _, p := range front {
				p.say("waits: " + kept.Error())
			}
			return
		}
	}
	m.shutFrom = 0
	m.mu.Lock()
	all := make([]*place, 0, m.waiting.Len())
	for e := m.waiting.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*place))
	}
	m.mu.Unlock()
	for _, p := range all {
		m.giveBack(p)
		m.settle(p, nil, err)
	}
}
