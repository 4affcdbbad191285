// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// Attempts starts and follows the attempts of one sandbox. It is safe for
// concurrent use.
type Attempts struct {
	Sandbox string // its name in outcomes
	Program string // the supervisor's, for messages
	Leases  Leases
	// Clean removes what a supervisor that is gone left of an attempt, whose
	// lease nobody else holds; the lease last. Of an end in order nothing is left.
	Clean func(name string, l Lease) error
	// Cleaned waits for a clean-up that goes on beside.
	Cleaned func()
}

// eventBacklog is how many events wait for the caller.
const eventBacklog = 64

// link is drydock's end of a supervisor's control socket, and what came by it.
type link struct {
	a         *Attempts
	dir, name string
	events    chan sandbox.Event
	done      chan struct{} // closed when outcome and err are set

	mu      sync.Mutex // guards writes to control
	control *os.File   // nil: the supervisor is gone already

	fatal    string
	reported *sandbox.Outcome // as the supervisor sent it

	outcome sandbox.Outcome
	err     error
}

func newLink(a *Attempts, spec sandbox.Spec) *link {
	return &link{a: a, dir: spec.Dir, name: Name(spec), events: make(chan sandbox.Event, eventBacklog), done: make(chan struct{})}
}

// listen passes the supervisor's reports on until its end.
func (l *link) listen() {
	decoder := json.NewDecoder(l.control)
	for {
		var report wire.Report
		if err := decoder.Decode(&report); err != nil {
			break
		}
		if report.Event != nil {
			l.events <- *report.Event
		}
		if report.Outcome != nil {
			l.reported = report.Outcome
		}
		if report.Fatal != "" {
			l.fatal = report.Fatal
		}
	}
}

// hangUp closes the control socket.
func (l *link) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.control.Close()
}

// send writes one line to the supervisor. One that has ended does not read it,
// and Wait tells how it ended.
func (l *link) send(v any) error {
	if l.control == nil {
		return nil
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.control.Write(append(line, '\n'))
	if errors.Is(err, unix.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Events implements sandbox.Running.
func (l *link) Events() <-chan sandbox.Event { return l.events }

// Stop implements sandbox.Running.
func (l *link) Stop(reason sandbox.StopReason, grace time.Duration) {
	_ = l.send(wire.Command{Stop: &wire.Stop{Reason: reason, Grace: max(0, grace)}})
}

// Resize implements sandbox.Resizer.
func (l *link) Resize(size sandbox.TerminalSize) {
	_ = l.send(wire.Command{Resize: &size})
}

// Wait implements sandbox.Running.
func (l *link) Wait() (sandbox.Outcome, error) {
	<-l.done
	return l.outcome, l.err
}

// settle finds the facts after the supervisor's end, which end describes.
// clean removes what one that left none has left of the attempt instead.
func (l *link) settle(end string, clean func() error) {
	outcome, err := wire.ReadOutcome(l.dir)
	if err == nil && l.fatal == "" {
		l.outcome = outcome
		if _, err := os.Lstat(l.a.Leases.Path(l.name)); err == nil { // it was killed on the way out
			_ = clean() // else the next who cleans does
		}
		return
	}
	cleanErr := clean()
	if l.reported != nil { // its file could not be written
		l.outcome, l.err = *l.reported, cleanErr
		return
	}
	if l.fatal != "" {
		l.refused(l.fatal)
		return
	}
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w (%s%s)", sandbox.ErrNoOutcome, end, prefixed(": ", l.lastWords()))
	}
	l.outcome, l.err = outcome, errors.Join(err, cleanErr)
}

// refused settles an attempt whose supervisor could not even begin: nothing
// was started, which is a fact, and written down like one.
func (l *link) refused(why string) {
	message, remedy, _ := strings.Cut(why, "; ") // as errors end with what to do
	l.outcome = sandbox.Outcome{Version: sandbox.OutcomeVersion, Sandbox: l.a.Sandbox,
		StartError: &sandbox.StartError{Reason: sandbox.StartRuntime, Message: message, Remedy: remedy}}
	l.err = wire.WriteOutcome(l.dir, l.outcome)
}

// begun reports whether a supervisor ever took the attempt up. The log stands
// for those whose socket was cleaned away.
func (l *link) begun() bool {
	for _, name := range []string{wire.OutcomeFile, wire.ControlFile, wire.LogFile} {
		if _, err := os.Lstat(filepath.Join(l.dir, name)); err == nil {
			return true
		}
	}
	return false
}

// lastWords is the first line of what the supervisor wrote to its own log.
func (l *link) lastWords() string {
	data, _ := os.ReadFile(filepath.Join(l.dir, wire.OwnLogFile))
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	return line
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
