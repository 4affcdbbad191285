// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// left is an attempt's directory and one who knows nothing of it. The
// path is longer than a socket's may be.
func left(t *testing.T) (*Attempts, sandbox.Spec) {
	t.Helper()
	long := "a-directory-whose-name-is-longer-than-most-others-are-and-longer-still-than-the-path-of-a-unix-socket-may-be-at-all"
	dir := filepath.Join(t.TempDir(), long, "tasks", testID, "attempts", "1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a := &Attempts{Sandbox: "native", Program: "supervisor", Leases: Leases(filepath.Join(t.TempDir(), "leases")), Cleaned: func() {}}
	a.Clean = func(name string, _ Lease) error { return a.Leases.Remove(name) }
	return a, sandbox.Spec{ID: testID, Attempt: 1, Dir: dir}
}

func touch(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What there is to follow, when nobody lives: the files say it.
func TestAttachToTheDead(t *testing.T) {
	outcome := `{"version":1,"sandbox":"native","exit":{"code":3}}`
	for name, tc := range map[string]struct {
		files map[string]string
		begun bool
		err   error // of Wait
	}{
		"nothing":                 {nil, false, nil},
		"asked for":               {map[string]string{wire.SpecFile: "{}", wire.OwnLogFile: ""}, false, nil},
		"begun":                   {map[string]string{wire.SpecFile: "{}", wire.LogFile: ""}, true, sandbox.ErrNoOutcome},
		"ended":                   {map[string]string{wire.SpecFile: "{}", wire.LogFile: "", wire.OutcomeFile: outcome}, true, nil},
		"ended, without an entry": {map[string]string{wire.OutcomeFile: outcome}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, spec := left(t)
			for file, content := range tc.files {
				touch(t, filepath.Join(spec.Dir, file), content)
			}
			r, err := a.Attach(t.Context(), spec)
			if !tc.begun {
				if !errors.Is(err, sandbox.ErrNotBegun) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range r.Events() {
				t.Error("an event of a dead attempt")
			}
			r.Stop(sandbox.StopAbort, 0)
			o, err := r.Wait()
			if !errors.Is(err, tc.err) || (tc.err == nil) != (err == nil) || tc.err == nil && o.Exit.Code != 3 {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
	a, spec := left(t)
	spec.Dir += "/none"
	if _, err := a.Attach(t.Context(), spec); !errors.Is(err, sandbox.ErrNotBegun) {
		t.Errorf("without a directory: %v", err)
	}
}

// A socket that nobody listens on any more is a supervisor that was killed.
func TestAttachToAKilledShim(t *testing.T) {
	a, spec := left(t)
	if err := listenAndDie(spec.Dir); err != nil {
		t.Fatal(err)
	}
	r, err := a.Attach(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(); !errors.Is(err, sandbox.ErrNoOutcome) {
		t.Errorf("got %v", err)
	}
}

// The lease is held from before the fork: who finds it held waits, and learns
// that a supervisor without a configuration begins nothing.
func TestAttachWaitsForTheLease(t *testing.T) {
	for _, begins := range []bool{false, true} {
		a, spec := left(t)
		f, err := a.Leases.Take(spec, "", "native")
		if err != nil {
			t.Fatal(err)
		}
		// A process that inherits the lease, as the shim does, until its input ends.
		holder := exec.CommandContext(t.Context(), "cat")
		holder.ExtraFiles = []*os.File{f}
		input, err := holder.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := holder.Start(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		var released atomic.Bool
		go func() {
			time.Sleep(100 * time.Millisecond) // it is waited for by now
			if begins {
				_ = listenAndDie(spec.Dir)
			}
			released.Store(true)
			input.Close()
		}()
		r, err := a.Attach(t.Context(), spec)
		if begins != (err == nil) || !begins && !errors.Is(err, sandbox.ErrNotBegun) {
			t.Errorf("begins %v: %v", begins, err)
		}
		if !begins && !released.Load() {
			t.Error("the holder was not waited for")
		}
		if r != nil {
			if _, err := r.Wait(); !errors.Is(err, sandbox.ErrNoOutcome) {
				t.Errorf("begins %v: %v", begins, err)
			}
		}
		if _, err := os.Lstat(a.Leases.Path(Name(spec))); err == nil {
			t.Error("the lease is left")
		}
		_ = holder.Wait()
	}
}

// Several follow one attempt: each is told everything, and each can command.
func TestFollowers(t *testing.T) {
	a, spec := left(t)
	l, err := listen(spec.Dir)
	if err != nil {
		t.Fatal(err)
	}
	started := wire.Report{Event: &sandbox.Event{Started: &sandbox.Started{PID: 7}}}
	var served sync.WaitGroup
	defer served.Wait()
	served.Go(func() {
		for range 2 {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			served.Go(func() {
				defer c.Close()
				line, _ := json.Marshal(started)
				_, _ = c.Write(append(line, '\n'))
				var cmd wire.Command
				if err := json.NewDecoder(c).Decode(&cmd); err != nil || cmd.Stop == nil || cmd.Stop.Reason != sandbox.StopAbort {
					t.Errorf("the command: %+v, %v", cmd, err)
				}
				// Its file could not be written: the report is all there is.
				line, _ = json.Marshal(wire.Report{Outcome: &sandbox.Outcome{Version: 1, Exit: &sandbox.Exit{Code: 143}}})
				_, _ = c.Write(append(line, '\n'))
			})
		}
		l.Close()
	})
	for range 2 {
		r, err := a.Attach(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if e := <-r.Events(); e.Started == nil || e.Started.PID != 7 {
			t.Errorf("the first event is %+v", e)
		}
		r.Stop(sandbox.StopAbort, time.Second)
		if o, err := r.Wait(); err != nil || o.Exit.Code != 143 {
			t.Errorf("%+v, %v", o, err)
		}
	}
}

// listen makes the socket as a shim does, without its language.
func listen(dir string) (net.Listener, error) {
	// A path below a descriptor: the directory's own is too long.
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), wire.ControlFile))
	if err == nil {
		l.(*net.UnixListener).SetUnlinkOnClose(false) // as when it is killed
	}
	return l, err
}

// listenAndDie leaves the socket of a shim that was killed.
func listenAndDie(dir string) error {
	l, err := listen(dir)
	if err != nil {
		return err
	}
	return l.Close()
}

// An outcome that was not on the disk when the machine went off is none.
func TestAttachTornOutcome(t *testing.T) {
	for _, text := range []string{"", "\x00\x00", `{"version":`} {
		a, spec := left(t)
		if err := os.WriteFile(filepath.Join(spec.Dir, wire.OutcomeFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := a.Attach(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(); !errors.Is(err, sandbox.ErrNoOutcome) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
