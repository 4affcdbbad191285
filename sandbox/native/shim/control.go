// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// control is the socket to drydock. Either side may be gone at any time.
type control struct {
	f       *os.File
	decoder *json.Decoder
	reports chan shimapi.Report
	lost    atomic.Bool
	done    sync.WaitGroup
}

// reportBacklog is how many reports wait while drydock is slow. Samples that
// find it full are dropped; what must arrive stands in the outcome.
const reportBacklog = 256

func newControl(f *os.File) *control {
	c := &control{f: f, decoder: json.NewDecoder(f), reports: make(chan shimapi.Report, reportBacklog)}
	c.done.Go(c.write)
	return c
}

// write sends the reports; it ends when the channel is closed.
func (c *control) write() {
	for r := range c.reports {
		if c.lost.Load() {
			continue
		}
		if _, err := c.f.Write(encodeLine(r)); err != nil {
			c.lost.Store(true)
		}
	}
}

// send queues a report and drops it when drydock does not keep up.
func (c *control) send(r shimapi.Report) {
	select {
	case c.reports <- r:
	default:
	}
}

// sendLast queues the report that must not be dropped, but does not wait for
// ever for a drydock that has stopped reading.
func (c *control) sendLast(r shimapi.Report) {
	select {
	case c.reports <- r:
	case <-time.After(2 * time.Second):
	}
}

func (c *control) event(e sandbox.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	c.send(shimapi.Report{Event: &e})
}

// commands delivers drydock's commands and is closed when drydock is gone.
func (c *control) commands() <-chan shimapi.Command {
	out := make(chan shimapi.Command)
	go func() {
		defer close(out)
		for {
			var cmd shimapi.Command
			if err := c.decoder.Decode(&cmd); err != nil {
				c.lost.Store(true)
				return
			}
			out <- cmd
		}
	}()
	return out
}

// gone reports whether drydock went away before the attempt's end.
func (c *control) gone() bool { return c.lost.Load() }

// close flushes what is queued, but not longer than a stopped drydock deserves.
func (c *control) close() {
	close(c.reports)
	flushed := make(chan struct{})
	go func() { c.done.Wait(); close(flushed) }()
	select {
	case <-flushed:
	case <-time.After(2 * time.Second):
	}
	c.f.Close()
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
