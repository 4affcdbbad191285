// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// conductor is where tasks show up (programs/common.py's visit): it counts
// them, and lets them go on when the test says so. It outlives the server
// under test, so that it knows what ran while that was dead.
type conductor struct {
	url string

	mu     sync.Mutex
	visits []visit
	gates  map[string]chan struct{} // closed points; every other one is open
}

type visit struct {
	point   string
	attempt string
	at      time.Time
}

func newConductor(t testing.TB) *conductor {
	t.Helper()
	c := &conductor{gates: map[string]chan struct{}{}}
	web := httptest.NewServer(http.HandlerFunc(c.serve))
	c.url = web.URL
	t.Cleanup(func() {
		c.openAll()
		web.Close()
	})
	return c
}

func (c *conductor) serve(w http.ResponseWriter, r *http.Request) {
	point, stamp, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "@")
	at := time.Now()
	if ns, err := strconv.ParseInt(stamp, 10, 64); err == nil {
		at = time.Unix(0, ns)
	}
	c.mu.Lock()
	c.visits = append(c.visits, visit{point, r.URL.Query().Get("attempt"), at})
	gate := c.gates[point]
	c.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done(): // its task was killed
			return
		}
	}
	fmt.Fprint(w, "go on")
}

// hold makes tasks wait at a point.
func (c *conductor) hold(points ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, point := range points {
		c.gates[point] = make(chan struct{})
	}
}

// release lets them go, also those that have not come yet.
func (c *conductor) release(points ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, point := range points {
		if gate := c.gates[point]; gate != nil {
			close(gate)
			delete(c.gates, point)
		}
	}
}

func (c *conductor) openAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for point, gate := range c.gates {
		close(gate)
		delete(c.gates, point)
	}
}

// at are the attempts that came to a point, in order: "1 2" for two.
func (c *conductor) at(point string) string {
	var attempts []string
	for _, v := range c.seen() {
		if v.point == point {
			attempts = append(attempts, v.attempt)
		}
	}
	return strings.Join(attempts, " ")
}

func (c *conductor) seen() []visit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]visit(nil), c.visits...)
}

// last is when the newest visit to a point was.
func (c *conductor) last(point string) time.Time {
	var at time.Time
	for _, v := range c.seen() {
		if v.point == point {
			at = v.at
		}
	}
	return at
}

func (c *conductor) count(point string) int { return len(strings.Fields(c.at(point))) }

// await waits until n tasks have come to a point.
func (c *conductor) await(t testing.TB, point string, n int) {
	t.Helper()
	within(t, patience/2, fmt.Sprintf("fewer than %d tasks came to %q", n, point), func() bool { return c.count(point) >= n })
}

// wantAt compares which attempts came to a point.
func (c *conductor) wantAt(t testing.TB, point, attempts string) {
	t.Helper()
	if got := c.at(point); got != attempts {
		t.Errorf("the attempts %q came to %q, want %q", got, point, attempts)
	}
}
