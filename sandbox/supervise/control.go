// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// Control speaks with those who follow the attempt: the process that started
// it and, through the socket in the attempt's directory, any that comes later.
// Each may be gone at any time. Its methods are safe for concurrent use.
type Control struct {
	// Input is for the one who makes the Box, before Exec.
	Input *Input

	starter  *link
	orders   chan wire.Command
	listener *os.File // kept open to the end: its end says that the supervisor is gone

	mu     sync.Mutex // guards what follows
	links  []*link    // who listens now, the starter among them
	told   []wire.Report
	closed bool
}

// link is one who follows the attempt.
type link struct {
	f       *os.File
	decoder *json.Decoder
	reports chan wire.Report
	done    chan struct{} // closed when everything was written
	types   bool          // it gives input, and waits for nothing else; guarded by Control.mu
}

// reportBacklog is how many reports wait while drydock is slow. Samples that
// find it full are dropped; what must arrive stands in the outcome.
const reportBacklog = 256

// NewControl takes the socket that the supervisor was started with.
func NewControl() *Control {
	keep()
	return newControl(os.NewFile(wire.ControlFD, "control"))
}

func newControl(f *os.File) *Control {
	c := &Control{orders: make(chan wire.Command)}
	c.Input = newInput(c.send)
	c.starter = c.join(f)
	return c
}

// Configuration reads the first line of the one who started us into config.
func (c *Control) Configuration(config any) error {
	if err := c.starter.decoder.Decode(config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	failpoint.At(failpoint.ConfigRead)
	return nil
}

// Follow begins to listen, to the one who started us and to those who come by
// the attempt's directory.
func (c *Control) Follow(dir string) error {
	go c.obey(c.starter)
	err := c.listen(dir)
	failpoint.At(failpoint.Listening)
	return err
}

// Fail tells that the supervisor could not do its work, or not all of it, and
// ends the talk as End does.
func (c *Control) Fail(err error, argv []string) {
	c.send(wire.Report{Fatal: err.Error()})
	c.End(argv)
}

// End ends the talk, and starts argv if nobody follows the attempt any more.
func (c *Control) End(argv []string) {
	orphaned := c.gone()
	c.close()
	if orphaned {
		judgeOrphan(argv)
	}
}

// join adds a link and tells it how the attempt stands.
func (c *Control) join(f *os.File) *link {
	l := &link{f: f, decoder: json.NewDecoder(f), done: make(chan struct{}),
		reports: make(chan wire.Report, reportBacklog)}
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
func (c *Control) leave(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.links, l); i >= 0 {
		c.links = slices.Delete(c.links, i, i+1)
		close(l.reports) // write ends
	}
}

// write sends the reports until there are no more or nobody reads them.
func (l *link) write(c *Control) {
	defer c.leave(l)
	defer close(l.done) // first: sendLast may wait for it, with the lock
	for r := range l.reports {
		if _, err := l.f.Write(encodeLine(r)); err != nil {
			return
		}
	}
}

// send queues a report and drops it when the other end does not keep up.
func (l *link) send(r wire.Report) {
	select {
	case l.reports <- r:
	default:
	}
}

// obey takes a link's commands until its other end is gone.
func (c *Control) obey(l *link) {
	defer l.f.Close()
	defer c.leave(l)
	for {
		var cmd wire.Command
		if l.decoder.Decode(&cmd) != nil {
			return
		}
		if len(cmd.Input) > 0 {
			c.typed(l)
			c.Input.follow(cmd.Input)
			continue
		}
		c.orders <- cmd
	}
}

// typed notes that a link gives input. It is no reader that the attempt's end
// is left to: while the program does not read, its own end is not seen.
func (c *Control) typed(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.types = true
}

// lasting reports whether who comes later has to know, too.
func lasting(r wire.Report) bool {
	return r.Event == nil || r.Event.Sample == nil
}

// send queues a report for everybody.
func (c *Control) send(r wire.Report) {
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
func (c *Control) sendLast(r wire.Report) {
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

func (c *Control) event(e sandbox.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	c.send(wire.Report{Event: &e})
}

// gone reports whether nobody follows the attempt.
func (c *Control) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !slices.ContainsFunc(c.links, func(l *link) bool { return !l.types })
}

// close flushes what is queued, but not longer than a stopped reader deserves.
func (c *Control) close() {
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

// encodeLine is one JSON document and a newline.
func encodeLine(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil { // only plain structs get here
		panic(err)
	}
	return append(line, '\n')
}
