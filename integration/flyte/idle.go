// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// maxConnections bounds the connections that are open at a time. A program of
// 200 actions at once has about ten for each; what is idle makes room first.
const maxConnections = 8192

// doorman closes idle connections, the longest idle one first, when there are
// too many, so that clients that connect and say nothing cannot shut others
// out.
type doorman struct {
	most int

	mu   sync.Mutex
	open int
	idle *list.List // of net.Conn, longest idle first
	at   map[net.Conn]*list.Element
}

func newDoorman(most int) *doorman {
	return &doorman{most: most, idle: list.New(), at: map[net.Conn]*list.Element{}}
}

// state is a server's ConnState.
func (d *doorman) state(c net.Conn, s http.ConnState) {
	if victim := d.note(c, s); victim != nil {
		_ = victim.Close() // outside the lock: it calls back
	}
}

func (d *doorman) note(c net.Conn, s http.ConnState) (victim net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.at[c]; e != nil {
		d.idle.Remove(e)
		delete(d.at, c)
	}
	switch s {
	case http.StateNew:
		d.open++
		d.at[c] = d.idle.PushBack(c)
	case http.StateIdle:
		d.at[c] = d.idle.PushBack(c)
	case http.StateHijacked, http.StateClosed:
		d.open--
		return nil
	}
	if d.open <= d.most || d.idle.Len() == 0 {
		return nil
	}
	victim = d.idle.Front().Value.(net.Conn)
	d.idle.Remove(d.at[victim])
	delete(d.at, victim)
	return victim
}
