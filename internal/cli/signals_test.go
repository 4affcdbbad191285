// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drydock/executor"
)

func itoa(n int) string { return strconv.Itoa(n) }

// recorder is a buffer that many may write and one waits for.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func (r *recorder) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(r.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %q", text, r.String())
		}
	}
}

// testWorld runs commands in memory; its signals channel is the keyboard.
func testWorld(t *testing.T, args ...string) (w World, out, errs *recorder, keyboard func(os.Signal)) {
	t.Helper()
	out, errs = &recorder{}, &recorder{}
	dir := t.TempDir()
	var mu sync.Mutex
	listeners := map[os.Signal][]chan<- os.Signal{}
	w = World{
		Args:    append([]string{"drydock"}, args...),
		Environ: []string{"HOME=" + dir, "DRYDOCK_STATE_DIR=" + dir, "DRYDOCK_LEASE_DIR=" + filepath.Join(dir, "leases")},
		Stdin:   strings.NewReader(""), Stdout: out, Stderr: errs,
		Dir: func() (string, error) { return dir, nil }, Now: time.Now,
		Notify: func(c chan<- os.Signal, signals ...os.Signal) {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range signals {
				listeners[s] = append(listeners[s], c)
			}
		},
		Unnotify:  func(chan<- os.Signal) {},
		Sandboxes: fakeSandboxes{},
	}
	return w, out, errs, func(s os.Signal) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range listeners[s] {
			c <- s
		}
	}
}

func TestCtrlC(t *testing.T) {
	for _, tc := range []struct {
		name   string
		signal os.Signal
		code   int
		words  []string
		second bool
	}{
		{"once", syscall.SIGINT, 130, []string{"out", "ready", "tidy", "sleep", "60000"}, false},
		{"twice", syscall.SIGINT, 130, []string{"out", "ready", "ignore", "sleep", "60000"}, true},
		{"terminated", syscall.SIGTERM, 143, []string{"out", "ready", "tidy", "sleep", "60000"}, false},
		{"hung up", syscall.SIGHUP, 129, []string{"out", "ready", "tidy", "sleep", "60000"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, out, errs, press := testWorld(t, append([]string{"run", "--grace", "1h", "--", "hog"}, tc.words...)...)
			code := make(chan int, 1)
			go func() { code <- Main(context.Background(), w) }()
			out.waitFor(t, "ready")
			press(tc.signal)
			errs.waitFor(t, "stopping the task in order, within 1h0m0s; once more kills it")
			if tc.second {
				press(tc.signal)
				errs.waitFor(t, "again: killing the task")
			}
			select {
			case got := <-code:
				if got != tc.code {
					t.Errorf("exit code %d, want %d", got, tc.code)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it did not end")
			}
			errs.waitFor(t, "the task was stopped")
		})
	}
}

// brokenPipe fails like a pipe that nobody reads any more.
type brokenPipe struct{ after int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.after--; b.after < 0 {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

// A reader that goes away loses nobody the verdict.
func TestClosedOutput(t *testing.T) {
	for _, flags := range [][]string{{"--json"}, {}} {
		w, _, _, _ := testWorld(t)
		dir, _ := w.Dir()
		result := dir + "/r.json"
		w.Args = append(append([]string{"drydock", "run", "--result", result}, flags...), "--", "hog", "out", "a", "out", "b", "exit", "3")
		w.Stdout, w.Stderr = &brokenPipe{after: 1}, &brokenPipe{}
		if code := Main(context.Background(), w); code != 3 {
			t.Errorf("%v: exit code %d, want 3", flags, code)
		}
		var ended executor.Ended
		if err := json.Unmarshal([]byte(read(t, result)), &ended); err != nil || ended.Class != executor.Failed || ended.ExitCode != 3 {
			t.Errorf("%v: the result is %+v, %v", flags, ended, err)
		}
	}
}

// A program's own failure to run is told as such, and nothing else is printed.
func TestInternalError(t *testing.T) {
	w, out, errs, _ := testWorld(t, "run", "--json", "--", "hog", "exit", "0")
	w.Environ = append(w.Environ, "DRYDOCK_STATE_DIR=/proc/no/such")
	if code := Main(context.Background(), w); code != exitFault {
		t.Errorf("exit code %d", code)
	}
	var ended executor.Ended
	if err := json.Unmarshal([]byte(out.String()), &ended); err != nil || ended.ExitCode != exitFault || ended.ID == "" {
		t.Errorf("stdout: %q, %v", out.String(), err)
	}
	_ = errs
}

// Bytes pass as they are, and a report begins on a line of its own.
func TestPassage(t *testing.T) {
	w, out, errs, _ := testWorld(t, "run", "--", "hog", "err", "no newline", "exit", "3")
	if code := Main(context.Background(), w); code != 3 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for line := range strings.Lines(errs.String()) {
		if strings.Contains(line, "no newline") && strings.Contains(line, "drydock") {
			t.Errorf("two voices on one line: %q", line)
		}
	}
	if strings.Contains(out.String(), "drydock") {
		t.Errorf("stdout: %q", out)
	}
}

func TestMissingWorkingDirectory(t *testing.T) {
	w, _, errs, _ := testWorld(t, "run", "--", "hog", "exit", "0")
	w.Dir = func() (string, error) { return "", errors.New("getwd: no such file or directory") }
	if code := Main(context.Background(), w); code != exitFault {
		t.Errorf("exit code %d", code)
	}
	const want = "drydock: the working directory no longer exists; cd to one that does, or name one with -w DIR\n"
	if errs.String() != want {
		t.Errorf("got %q", errs)
	}
}

var _ io.Writer = (*brokenPipe)(nil)
