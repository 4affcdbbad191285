// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
	"drydock/integration/flyte/launch/python"
	"drydock/sandbox"
)

// fakeLauncher runs attempts in memory: task "ok" succeeds at once, "bad"
// fails, "hold" waits until it is stopped or released.
type fakeLauncher struct {
	mu       sync.Mutex
	launched []string
	adopted  []string
	release  chan struct{}
	image    string // that attempts say they are in; "": none
}

func newFakeLauncher() *fakeLauncher { return &fakeLauncher{release: make(chan struct{})} }

func (f *fakeLauncher) Launch(ctx context.Context, o engine.Order) engine.End {
	f.mu.Lock()
	f.launched = append(f.launched, o.TaskID)
	f.mu.Unlock()
	return f.live(ctx, o)
}

func (f *fakeLauncher) Adopt(ctx context.Context, o engine.Order) (engine.End, bool) {
	f.mu.Lock()
	f.adopted = append(f.adopted, o.TaskID)
	f.mu.Unlock()
	return f.live(ctx, o), true
}

func (f *fakeLauncher) live(ctx context.Context, o engine.Order) engine.End {
	if f.image != "" {
		o.Progress(engine.Progress{Sandbox: "docker", Image: f.image})
	}
	o.Progress(engine.Progress{Phase: common.ActionPhase_ACTION_PHASE_INITIALIZING, Memory: 64 << 20})
	o.Progress(engine.Progress{Phase: common.ActionPhase_ACTION_PHASE_RUNNING})
	o.Progress(engine.Progress{Sample: &sandbox.Sample{Time: time.Now(), Memory: 10 << 20}})
	switch o.Action.Task.GetSpec().GetShortName() {
	case "bad":
		return engine.End{Phase: common.ActionPhase_ACTION_PHASE_FAILED, Started: time.Now(), Result: oomResult(),
			Error: &core.ExecutionError{Kind: core.ExecutionError_USER, Code: "OOMKilled", Message: "out of memory"}}
	case "hold":
		select {
		case <-ctx.Done():
			return engine.End{Phase: common.ActionPhase_ACTION_PHASE_ABORTED}
		case <-f.release:
		}
	}
	return engine.End{Phase: common.ActionPhase_ACTION_PHASE_SUCCEEDED, Started: time.Now()}
}

func oomResult() *executor.Result {
	v := executor.Verdict{Class: executor.OOM, Code: executor.CodeOOMKilled, Message: "out of memory: x was killed", OOM: &executor.OOMReport{Limit: 64 << 20}}
	return &executor.Result{Verdict: v, Attempts: []executor.Attempt{{Number: 1, Verdict: v}}, EndedAt: time.Now()}
}

func (f *fakeLauncher) count(of *[]string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(*of)
}

var fakePython = python.Python{Executable: "/venv/bin/python", SDK: "2.12.1", Version: "3.11.7"}

func testConfig(t *testing.T, l engine.Launcher) Config {
	t.Helper()
	return Config{StateDir: t.TempDir(), Listen: "127.0.0.1:0", launcher: l,
		findPython: func(context.Context) (python.Python, error) { return fakePython, nil }}
}

// start serves until the end of the test.
func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		s.Shutdown(context.Background(), Abort, "the test ended")
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func (s *Server) url() string { return "http://" + s.listener.Addr().String() }

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// createRun starts a run of the fake task over the wire.
func createRun(t *testing.T, s *Server, name, task string) engine.RunID {
	t.Helper()
	c := workflowconnect.NewRunServiceClient(http.DefaultClient, s.url())
	id := engine.RunID{Project: "demo", Domain: "development", Name: name}
	_, err := c.CreateRun(t.Context(), connect.NewRequest(&workflow.CreateRunRequest{
		Id:   &workflow.CreateRunRequest_RunId{RunId: runIdentifier(id)},
		Task: &workflow.CreateRunRequest_TaskSpec{TaskSpec: taskSpec(task)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func taskSpec(name string) *task.TaskSpec {
	return &task.TaskSpec{ShortName: name, TaskTemplate: &core.TaskTemplate{
		Id:   &core.Identifier{ResourceType: core.ResourceType_TASK, Project: "demo", Domain: "development", Name: "env." + name, Version: "v1"},
		Type: "python",
		Target: &core.TaskTemplate_Container{Container: &core.Container{Image: "x", Args: []string{"a0"},
			Resources: &core.Resources{}}},
	}}
}

// newsUntil collects a run's news up to its end, without samples.
func newsUntil(t *testing.T, s *Server, id engine.RunID, last NewsType) []News {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := NewClient(s.listener.Addr().String())
	defer c.Close()
	enough := errors.New("enough")
	var all []News
	err := c.News(ctx, id, func(n News) error {
		if n.Type != NewsSample {
			all = append(all, n)
		}
		if n.Type == last {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("news ended with %v after %v", err, kinds(all))
	}
	return all
}

func kinds(news []News) string {
	var words []string
	for _, n := range news {
		words = append(words, string(n.Type))
	}
	return strings.Join(words, " ")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}
