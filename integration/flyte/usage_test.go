// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

func newTask(t *testing.T, stateDir string) (*state.Dir, string) {
	t.Helper()
	d, err := state.Open(stateDir)
	if err != nil {
		t.Fatal(err)
	}
	id, err := state.NewID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.CreateTask(id); err != nil {
		t.Fatal(err)
	}
	return d, id
}

func TestPlainLog(t *testing.T) {
	u := newUsage(t.TempDir())
	d, id := newTask(t, filepath.Dir(u.tasks))
	if _, err := u.log(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it started: %v", err)
	}
	for _, bad := range []string{"", "..", "../../etc/passwd", id + "/.."} {
		if _, err := u.log(bad); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	dir, err := d.CreateAttempt(id, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw := "2026-11-22T12:00:00Z stdout F one\n2026-11-22T12:00:00Z stderr P two \n2026-11-22T12:00:00Z stderr F halves\n" +
		"2026-11-22T12:00:00Z stdout F \nnot a line of ours\n2026-11-22T12:00:00Z stdout P no end"
	if err := os.WriteFile(filepath.Join(dir, "log"), []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := u.log(id)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got, err := io.ReadAll(in)
	if want := "one\ntwo halves\n\nnot a line of ours\nno end\n"; string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// It is read over its files, and what is gone is said.
func TestPlainLogRotated(t *testing.T) {
	u := newUsage(t.TempDir())
	d, id := newTask(t, filepath.Dir(u.tasks))
	dir, err := d.CreateAttempt(id, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"log.3": "F one", "log.4": "P two ", "log": "F halves"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("2026-11-22T12:00:00Z stdout "+content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in, err := u.log(id)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got, err := io.ReadAll(in)
	if want := "2 files of the log are not kept, the oldest go first\none\ntwo halves\n"; string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestUsage(t *testing.T) {
	u := newUsage(t.TempDir())
	d, id := newTask(t, filepath.Dir(u.tasks))
	action := &engine.Action{State: engine.State{Attempts: []engine.Attempt{{Number: 1, TaskID: id}}}}
	if got := u.of(id); got.Limit != 0 {
		t.Errorf("of nothing: %+v", got)
	}
	u.note(engine.Event{Action: action, Progress: &engine.Progress{Memory: 64 << 20}})
	u.note(engine.Event{Action: action, Progress: &engine.Progress{Sample: &sandbox.Sample{Memory: 5, CPUSeconds: 2}}})
	u.note(engine.Event{Action: action})
	if got := u.of(id); got.Limit != 64<<20 || got.Current != 5 || got.CPUSeconds != 2 {
		t.Errorf("running: %+v", got)
	}
	u.note(engine.Event{Action: action, End: &engine.End{}})
	if len(u.live) != 0 {
		t.Error("an ended attempt is remembered")
	}
	quantity, _ := resources.Quantity("64Mi").Parse()
	cores, _ := resources.Quantity("1").Parse()
	more, _ := resources.Quantity("2").Parse()
	ended := executor.Ended{Version: 1, Attempts: []executor.EndedAttempt{{Usage: &executor.EndedUsage{MemoryPeak: 7, CPUSeconds: 3},
		Resources: resources.Demand{Memory: resources.Allotment{Request: quantity, Limit: quantity}, CPU: resources.Allotment{Request: cores, Limit: more}}}}}
	if err := state.WriteJSON(filepath.Join(d.Task(id), state.EndedFile), ended); err != nil {
		t.Fatal(err)
	}
	if got := u.of(id); got.Memory != "64Mi" || got.CPU != "1 to 2" || got.Limit != 64<<20 || got.Peak != 7 || got.Current != 0 {
		t.Errorf("ended: %+v", got)
	}
}

// fakeConn is a connection that only counts its end.
type fakeConn struct {
	net.Conn
	closed int
}

func (c *fakeConn) Close() error { c.closed++; return nil }

func TestDoorman(t *testing.T) {
	d := newDoorman(2)
	a, b, c, e := &fakeConn{}, &fakeConn{}, &fakeConn{}, &fakeConn{}
	d.state(a, http.StateNew)
	d.state(a, http.StateActive)
	d.state(b, http.StateNew)
	d.state(b, http.StateActive)
	d.state(b, http.StateIdle)
	d.state(c, http.StateNew) // one too many: the idle one goes
	if a.closed != 0 || b.closed != 1 || c.closed != 0 {
		t.Fatalf("closed: %d %d %d", a.closed, b.closed, c.closed)
	}
	d.state(b, http.StateClosed)
	d.state(c, http.StateActive)
	d.state(e, http.StateNew) // all others are busy: the newcomer goes
	if a.closed != 0 || c.closed != 0 || e.closed != 1 {
		t.Fatalf("closed: %d %d %d", a.closed, c.closed, e.closed)
	}
	d.state(e, http.StateClosed)
	d.state(a, http.StateIdle)
	d.state(a, http.StateClosed)
	d.state(c, http.StateHijacked)
	if d.open != 0 || d.idle.Len() != 0 || len(d.at) != 0 {
		t.Errorf("left: %d open, %d idle, %d known", d.open, d.idle.Len(), len(d.at))
	}
}

// Asking whether a server is up, often, never keeps one from starting.
func TestRunningDoesNotDisturb(t *testing.T) {
	h := Home{t.TempDir()}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = h.Running()
			}
		}
	}()
	for range 20 {
		began := time.Now()
		unlock, err := h.hold()
		if err != nil {
			t.Fatalf("after %s: %v", time.Since(began), err)
		}
		unlock()
	}
	close(stop)
	<-done
}
