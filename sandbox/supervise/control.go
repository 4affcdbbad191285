// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// control speaks with those who follow the attempt: the process that started
// it and, through the socket in the attempt's directory, any that comes later.
// Each may be gone at any time. Its methods are safe for concurrent use.
type control struct {
	starter  *link
	orders   chan shimapi.Command
	listener *os.File // kept open to the end: its end says that the shim is gone

	mu     sync.Mutex // guards what follows
	links  []*link    // who listens now, the starter among them
	told   []shimapi.Report
	closed bool
}

// link is one who follows the attempt.
type link struct {
	f       *os.File
	decoder *json.Decoder
	reports chan shimapi.Report
	done    chan struct{} // closed when everything was written
}

// reportBacklog is how many reports wait while drydock is slow. Samples that
// find it full are dropped; what must arrive stands in the outcome.
const reportBacklog = 256

func newControl(f *os.File) *control {
	c := &control{orders: make(chan shimapi.Command)}
	c.starter = c.join(f)
	return c
}

// config reads and checks the first line of the one who started us, and
// listens to what else it has to say.
func (c *control) config() (*shimapi.Config, error) {
	var config shimapi.Config
	if err := c.starter.decoder.Decode(&config); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if config.Version != shimapi.Version {
		return nil, fmt.Errorf("drydock speaks version %d of the shim contract and this shim version %d; install both from one release", config.Version, shimapi.Version)
	}
	go c.obey(c.starter)
	return &config, nil
}

// join adds a link and tells it how the attempt stands.
func (c *control) join(f *os.File) *link {
	l := &link{f: f, decoder: json.NewDecoder(f), done: make(chan struct{}),
		reports: make(chan shimapi.Report, reportBacklog)}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.told {
		l.send(r)
	}
	if c.closed {
		close(l.reports)
	} else {
		c.links = append(c.links, l)
	}
	go l.write(c)
	return l
}

// leave forgets a link whose other end is gone.
func (c *control) leave(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.links, l); i >= 0 {
		c.links = slices.Delete(c.links, i, i+1)
		close(l.reports) // write ends
	}
}

// write sends the reports until there are no more or nobody reads them.
func (l *link) write(c *control) {
	defer c.leave(l)
	defer close(l.done) // first: sendLast may wait for it, with the lock
	for r := range l.reports {
		if _, err := l.f.Write(encodeLine(r)); err != nil {
			return
		}
	}
}

// send queues a report and drops it when the other end does not keep up.
func (l *link) send(r shimapi.Report) {
	select {
	case l.reports <- r:
	default:
	}
}

// obey takes a link's commands until its other end is gone.
func (c *control) obey(l *link) {
	defer l.f.Close()
	defer c.leave(l)
	for {
		var cmd shimapi.Command
		if l.decoder.Decode(&cmd) != nil {
			return
		}
		c.orders <- cmd
	}
}

// lasting reports whether who comes later has to know, too.
func lasting(r shimapi.Report) bool {
	return r.Event == nil || r.Event.Sample == nil
}

// send queues a report for everybody.
func (c *control) send(r shimapi.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if lasting(r) {
		c.told = append(c.told, r)
	}
	for _, l := range c.links {
		l.send(r)
	}
}

// lastPatience is how long somebody who has stopped reading holds us up.
const lastPatience = 2 * time.Second

// sendLast queues the report that must not be dropped.
func (c *control) sendLast(r shimapi.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, r)
	patience := time.After(lastPatience)
	for _, l := range c.links {
		select {
		case l.reports <- r:
		case <-l.done:
		case <-patience:
			patience = closedTimer
		}
	}
}

// closedTimer is a patience that has run out.
var closedTimer = func() <-chan time.Time { c := make(chan time.Time); close(c); return c }()

func (c *control) event(e sandbox.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	c.send(shimapi.Report{Event: &e})
}

// gone reports whether nobody follows the attempt.
func (c *control) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.links) == 0
}

// close flushes what is queued, but not longer than a stopped reader deserves.
func (c *control) close() {
	c.mu.Lock()
	links := c.links
	c.links, c.closed = nil, true
	c.mu.Unlock()
	for _, l := range links {
		close(l.reports)
	}
	patience := time.After(lastPatience)
	for _, l := range links {
		select {
		case <-l.done:
		case <-patience:
			patience = closedTimer
		}
		l.f.Close()
	}
}

// judgeOrphan starts the command that writes the verdict nobody waits for.
func judgeOrphan(argv []string) {
	if len(argv) == 0 {
		return
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_ = cmd.Run()
}
