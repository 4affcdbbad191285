// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drydock/internal/leftover"
	"drydock/internal/need"
)

// hang is when a run of drydock counts as hung; a guest's processor may be
// emulated.
var hang = map[bool]time.Duration{false: time.Minute, true: 5 * time.Minute}[need.InGuest()]

// command is one run of drydock.
type command struct {
	*exec.Cmd
	out, err *output
	shown    chan struct{} // closed when a terminal's output was read to its end; nil: there is none
}

// output keeps what a process prints and may be read while it runs.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

// prepare makes a command of `drydock ARGS` in an own, empty directory.
func (h home) prepare(t testing.TB, args ...string) *command {
	t.Helper()
	runnable(t)
	program, dir := drydock(t), h.work(t) // what they build is not the command's time
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	t.Cleanup(cancel)
	c := &command{Cmd: exec.CommandContext(ctx, program, args...), out: &output{}, err: &output{}}
	c.Dir = dir
	c.Env = append(os.Environ(), append(h.env(), "PWD="+c.Dir)...)
	c.Stdout, c.Stderr = c.out, c.err
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.WaitDelay = 3 * time.Second
	return c
}

// work is a working directory for tasks, with the hog program in it.
func (h home) work(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(h.dir, "work")
	program := filepath.Join(dir, "hog")
	if exists(program) {
		return dir
	}
	content, err := os.ReadFile(hog(t))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(program, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// untilGate is a part of a task's shell script: it waits for openGate.
const untilGate = "until [ -e gate ]; do sleep 0.05; done; "

// openGate lets the tasks go on that wait for it.
func (h home) openGate(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.work(t), "gate"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// start begins `drydock ARGS`.
func (h home) start(t testing.TB, args ...string) *command {
	t.Helper()
	c := h.prepare(t, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// run is start and end.
func (h home) run(t testing.TB, args ...string) result {
	t.Helper()
	return h.start(t, args...).end(t)
}

// result is what came of a run with --json, or of any other.
type result struct {
	exit           int
	stdout, stderr string
	lines          []map[string]any
	ended          ended
}

// ended is the part of the ended document that these tests look at.
type ended struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Verdict  string `json:"verdict"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Attempts []struct {
		Number    int      `json:"number"`
		Verdict   string   `json:"verdict"`
		Hints     []string `json:"hints"`
		Resources struct {
			Memory struct {
				Limit string `json:"limit"`
			} `json:"memory"`
		} `json:"resources"`
	} `json:"attempts"`
}

func (c *command) end(t testing.TB) result {
	t.Helper()
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("drydock: %v", err)
	}
	if c.shown != nil {
		select {
		case <-c.shown:
		case <-time.After(2 * time.Second): // somebody else has the terminal open, too
		}
	}
	return resultOf(t, c.ProcessState.ExitCode(), c.out.String(), c.err.String())
}

// resultOf reads what a run printed.
func resultOf(t testing.TB, exit int, stdout, stderr string) result {
	t.Helper()
	r := result{exit: exit, stdout: stdout, stderr: stderr}
	lines := bufio.NewScanner(strings.NewReader(r.stdout))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		r.lines = append(r.lines, line)
		if line["type"] == "ended" {
			if err := json.Unmarshal(lines.Bytes(), &r.ended); err != nil {
				t.Errorf("the ended line: %v", err)
			}
		}
	}
	return r
}

// want checks the exit status and the verdict; verdict "" is not compared.
func (r result) want(t testing.TB, exit int, verdict string) {
	t.Helper()
	if r.exit != exit || verdict != "" && r.ended.Verdict != verdict {
		t.Errorf("exit %d, verdict %q (%s); want exit %d, verdict %q\n%s", r.exit, r.ended.Verdict, r.ended.Message, exit, verdict, r.stderr)
	}
	for _, text := range []string{"goroutine ", "panic:"} {
		if strings.Contains(r.stderr, text) {
			t.Errorf("a stack trace:\n%s", r.stderr)
		}
	}
}

// output is the task's own output, put together from the lines.
func (r result) output(stream string) string {
	var text strings.Builder
	for _, line := range r.lines {
		if line["type"] == "output" && line["stream"] == stream {
			fmt.Fprint(&text, line["text"])
		}
	}
	return text.String()
}

// words is everything that drydock said to a person.
func (r result) words() string {
	words := r.ended.Message + "\n" + r.stderr
	for _, a := range r.ended.Attempts {
		words += "\n" + strings.Join(a.Hints, "\n")
	}
	return words
}

// waitFor waits until drydock's stdout holds text.
func (c *command) waitFor(t testing.TB, text string) {
	t.Helper()
	within(t, hang/2, fmt.Sprintf("drydock never printed %q", text), func() bool { return strings.Contains(c.out.String(), text) })
}

// within polls until is says yes.
func within(t testing.TB, d time.Duration, otherwise string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatal(otherwise)
}

// nothingLeft fails the test for everything that is there at its end and was
// not there when it was called.
func nothingLeft(t *testing.T) {
	t.Helper()
	before := leftover.Take()
	t.Cleanup(func() {
		items := before.Since(3 * time.Second)
		for _, item := range items {
			t.Error(item)
		}
		leftover.Kill(items)
	})
}
