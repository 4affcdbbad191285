// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/native"
)

// lifeVariable holds what a process that is to die does until then.
const lifeVariable = "DRYDOCK_TEST_LIFE"

// life is a process that runs one task and dies on the way.
type life struct {
	Shim, Leases, State string
	ID                  string
	Command             []string
	WorkDir             string
	Dies                string // where
	Adopts              bool   // the task that another life began
}

// config is the executor's of both processes.
func (l life) config() (executor.Config, error) {
	s, err := native.New(native.Config{Shim: l.Shim, LeaseDir: l.Leases})
	return executor.Config{Sandbox: s, StateDir: l.State, LeaseDir: l.Leases, JudgeCommand: []string{"touch", filepath.Join(l.WorkDir, "judged")}}, err
}

// The points at which a process dies.
const (
	diesQueued    = "before the attempt"
	diesUnstarted = "before its supervisor"
	diesForked    = "right after the start of the supervisor"
	diesStarted   = "right after the program's start"
	diesMidway    = "in the middle"
	diesEnded     = "after the end, before the verdict"
	diesJudged    = "after the verdict, before the end is recorded"
)

// shortLife is the life of the other process.
func shortLife() {
	var l life
	err := json.Unmarshal([]byte(os.Getenv(lifeVariable)), &l)
	if err == nil {
		var c executor.Config
		if c, err = l.config(); err == nil {
			c.Sandbox = mortal{c.Sandbox.(*native.Sandbox), l.Dies}
			var x *executor.Executor
			if x, err = executor.New(c); err == nil {
				if l.Adopts {
					_, err = x.Adopt(context.Background(), l.ID, executor.WithEvents(l.watch))
				} else {
					_, err = x.Run(context.Background(), l.task(), executor.WithID(l.ID), executor.WithEvents(l.watch))
				}
			}
		}
	}
	fmt.Fprintln(os.Stderr, "still alive:", err)
	os.Exit(1)
}

func (l life) task() executor.Task {
	return executor.Task{
		Command: l.Command, WorkDir: l.WorkDir, Scratch: "/tmp/own", Grace: time.Minute,
		Resources: resources.Resources{Memory: resources.Of("64Mi"), CPU: resources.Of("100m")},
	}
}

func (l life) watch(e executor.Event) {
	switch {
	case l.Dies == diesQueued && e.Queued != nil,
		l.Dies == diesStarted && e.Started != nil,
		l.Dies == diesMidway && e.Sample != nil,
		l.Dies == diesJudged && e.Type == executor.EventEnded:
		die()
	}
}

// die is what kill -9 does.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// mortal is the native sandbox in the hands of a process that dies.
type mortal struct {
	*native.Sandbox
	dies string
}

func (m mortal) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	if m.dies == diesUnstarted {
		die()
	}
	r, err := m.Sandbox.Start(ctx, spec, streams)
	if m.dies == diesForked {
		die()
	}
	return mortalRun{r, m.dies}, err
}

type mortalRun struct {
	sandbox.Running
	dies string
}

func (m mortalRun) Wait() (sandbox.Outcome, error) {
	o, err := m.Running.Wait()
	if m.dies == diesEnded {
		die()
	}
	return o, err
}

// orphan runs script in another process until that dies, and returns its life.
func orphan(t *testing.T, dies, script string) life {
	t.Helper()
	runnable(t)
	return orphanOf(t, shim(t), dies, script)
}

func orphanOf(t *testing.T, shim, dies, script string) life {
	t.Helper()
	l := born(t, shim, dies, script)
	l.live(t)
	return l
}

// live lets the process live and waits for its death.
func (l life) live(t *testing.T) {
	t.Helper()
	cmd := l.command(t)
	output, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process did not die as it should: %v\n%s", err, output)
	}
}

// command is the process.
func (l life) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lifeVariable+"="+string(text))
	return cmd
}

// born returns a life that is still to be lived.
func born(t *testing.T, shim, dies, script string) life {
	t.Helper()
	id, err := executor.NewID()
	if err != nil {
		t.Fatal(err)
	}
	nothingLeft(t)
	return life{Shim: shim, Leases: t.TempDir(), State: t.TempDir(), ID: id,
		Command: []string{"sh", "-c", script}, WorkDir: t.TempDir(), Dies: dies}
}

// adopter is this process's Executor for an orphan.
func (l life) adopter(t *testing.T) *executor.Executor {
	t.Helper()
	c, err := l.config()
	if err != nil {
		t.Fatal(err)
	}
	x, err := executor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (l life) file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(l.WorkDir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// killShim kills the supervisor, which has the task's id in its arguments.
func (l life) killShim(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		words, _ := os.ReadFile(path)
		if string(words) != "drydock-shim\x00"+l.ID+".1\x00" {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Error(err)
		}
		return
	}
	t.Error("there is no supervisor")
}
