// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// peer is the other end of a link.
type peer struct {
	net.Conn
	*json.Decoder
}

func (p peer) report(t *testing.T) wire.Report {
	t.Helper()
	var r wire.Report
	_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := p.Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// started is a control with the one who started it, who has sent its line.
func started(t *testing.T, dir string) (*Control, peer) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours := os.NewFile(uintptr(fds[0]), "ours")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := newControl(os.NewFile(uintptr(fds[1]), "theirs"))
	if _, err := conn.Write(encodeLine(wire.Config{ID: "x"})); err != nil {
		t.Fatal(err)
	}
	var config wire.Config
	if err := c.Configuration(&config); err != nil || config.ID != "x" {
		t.Fatalf("%+v, %v", config, err)
	}
	if err := c.Follow(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.listener.Close() })
	return c, peer{conn, json.NewDecoder(conn)}
}

func come(t *testing.T, dir string) peer {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, wire.ControlFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return peer{conn, json.NewDecoder(conn)}
}

func goneSoon(c *Control) bool {
	for range 1000 {
		if c.gone() {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// shortDir is a directory whose path a socket's may be longer than.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shim-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Who comes later is told how the attempt stands, then everything; each can
// command; nobody follows only when all have gone.
func TestControlFollowers(t *testing.T) {
	dir := shortDir(t)
	c, starter := started(t, dir)
	if info, err := os.Lstat(filepath.Join(dir, wire.ControlFile)); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	c.event(sandbox.Event{Started: &sandbox.Started{PID: 7}})
	c.event(sandbox.Event{Sample: &sandbox.Sample{Memory: 1}})
	c.event(sandbox.Event{OOM: &sandbox.OOMEvent{Kills: 1}})
	later := come(t, dir)
	for _, want := range []func(sandbox.Event) bool{
		func(e sandbox.Event) bool { return e.Started != nil && e.Started.PID == 7 },
		func(e sandbox.Event) bool { return e.OOM != nil },
	} {
		if r := later.report(t); r.Event == nil || !want(*r.Event) {
			t.Errorf("the late comer is told %+v", r.Event)
		}
	}
	for range 3 {
		starter.report(t)
	}
	c.event(sandbox.Event{Sample: &sandbox.Sample{Memory: 2}})
	for _, p := range []peer{starter, later} {
		if r := p.report(t); r.Event == nil || r.Event.Sample == nil || r.Event.Sample.Memory != 2 {
			t.Errorf("the news is %+v", r.Event)
		}
		if _, err := p.Write(encodeLine(wire.Command{Stop: &wire.Stop{Reason: sandbox.StopAbort}})); err != nil {
			t.Fatal(err)
		}
		if cmd := <-c.orders; cmd.Stop == nil {
			t.Errorf("the command is %+v", cmd)
		}
	}
	starter.Close()
	if later.Close(); !goneSoon(c) {
		t.Error("somebody still follows")
	}
	last := come(t, dir)
	last.report(t) // it was let in
	if c.gone() {
		t.Error("nobody follows")
	}
	last.report(t)
	c.sendLast(wire.Report{Outcome: &sandbox.Outcome{Version: 1}})
	c.close()
	if r := last.report(t); r.Outcome == nil {
		t.Errorf("the last word is %+v", r)
	}
	if err := last.Decode(new(wire.Report)); err == nil {
		t.Error("there is a word after the last")
	}
}

// A follower that does not read holds the end up for a moment only.
func TestControlStoppedReader(t *testing.T) {
	dir := shortDir(t)
	c, _ := started(t, dir)
	come(t, dir)
	time.Sleep(10 * time.Millisecond)
	long := sandbox.Outcome{Tail: string(make([]byte, 64<<10))}
	for range reportBacklog {
		c.send(wire.Report{Outcome: &long})
	}
	// One that were waited for would hold these up for ever.
	c.sendLast(wire.Report{Outcome: &long})
	c.close()
}

func BenchmarkListen(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		c := &Control{}
		if err := c.listen(dir); err != nil {
			b.Fatal(err)
		}
		c.listener.Close()
	}
}

// Who gives input that nobody reads is not taken for one who waits for the
// end, and holds up nobody's commands but his own.
func TestInputIsNobodysReader(t *testing.T) {
	dir := t.TempDir()
	c, starter := started(t, dir)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	from, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	c.Input.Feed(from, write, false)
	typist := come(t, dir)
	if r := typist.report(t); r.Input == nil || !r.Input.Open {
		t.Fatalf("told %+v", r)
	}
	go func() { // ends with the connection
		for {
			if _, err := typist.Write(encodeLine(wire.Command{Input: make([]byte, 4096)})); err != nil {
				return
			}
		}
	}()
	other := come(t, dir)
	if _, err := other.Write(encodeLine(wire.Command{Stop: &wire.Stop{Reason: sandbox.StopAbort}})); err != nil {
		t.Fatal(err)
	}
	if cmd := <-c.orders; cmd.Stop == nil {
		t.Errorf("%+v", cmd)
	}
	other.Close()
	starter.Close()
	if !goneSoon(c) {
		t.Error("the one who types counts as a reader")
	}
}
