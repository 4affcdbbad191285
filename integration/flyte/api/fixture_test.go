// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions/actionsconnect"
	"drydock/integration/flyte/flyteidl2/auth/authconnect"
	"drydock/integration/flyte/flyteidl2/cluster/clusterconnect"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/dataproxy/dataproxyconnect"
	"drydock/integration/flyte/flyteidl2/project/projectconnect"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/task/taskconnect"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
	"drydock/integration/flyte/objects"
	"drydock/integration/flyte/registry"
)

// Phases, for short.
const (
	queued    = common.ActionPhase_ACTION_PHASE_QUEUED
	running   = common.ActionPhase_ACTION_PHASE_RUNNING
	succeeded = common.ActionPhase_ACTION_PHASE_SUCCEEDED
	failed    = common.ActionPhase_ACTION_PHASE_FAILED
	aborted   = common.ActionPhase_ACTION_PHASE_ABORTED
	timedOut  = common.ActionPhase_ACTION_PHASE_TIMED_OUT
	isPaused  = common.ActionPhase_ACTION_PHASE_PAUSED
)

// fixture is a whole server but for the sandboxes.
type fixture struct {
	t        testing.TB
	engine   *engine.Engine
	launcher *launcher
	store    *objects.Store
	book     *book.Book
	logs     string
	http     *httptest.Server
	handler  *root

	mu       sync.Mutex
	warnings []string

	cluster  clusterconnect.ClusterServiceClient
	identity authconnect.IdentityServiceClient
	projects projectconnect.ProjectServiceClient
	tasks    taskconnect.TaskServiceClient
	data     dataproxyconnect.DataProxyServiceClient
	actions  actionsconnect.ActionsServiceClient
	runs     workflowconnect.RunServiceClient
	oldLogs  workflowconnect.RunLogsServiceClient
}

// files is the store as the engine sees it.
type files struct{ *objects.Store }

func (f files) Read(ctx context.Context, uri string, limit int64) ([]byte, error) {
	key, err := objects.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	data, _, err := f.GetBytes(ctx, key, limit)
	if errors.Is(err, objects.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return data, err
}

func (f files) Exists(ctx context.Context, uri string) (bool, error) {
	_, err := f.Read(ctx, uri, 1<<30)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func newFixture(t testing.TB, change ...func(*Config, *engine.Config)) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, launcher: &launcher{}, logs: dir}
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.book, err = book.OpenFile(filepath.Join(dir, "book"))
	must()
	t.Cleanup(func() { _ = f.book.Close() })
	f.store, err = objects.Open(filepath.Join(dir, "objects"), objects.Options{})
	must()
	t.Cleanup(func() { _ = f.store.Close() })
	r, err := registry.New(f.book, nil)
	must()
	c := Config{Registry: r, Objects: Store(f.store, "/objects/"), User: "someone", Warn: f.warn,
		Logs: LogsFunc(func(id string) string { return filepath.Join(dir, "log-"+id) })}
	ec := engine.Config{Book: f.book, Launcher: f.launcher, Objects: files{f.store}, OutputBase: "s3://" + objects.Bucket}
	for _, ch := range change {
		ch(&c, &ec)
	}
	f.engine, err = engine.New(ec)
	must()
	f.engine.Resume()
	if c.Engine == nil {
		c.Engine = f.engine
	}
	handler, err := New(c)
	must()
	f.handler = handler.(*root)
	mux := http.NewServeMux()
	mux.Handle("/objects/", f.store.SignedHandler("/objects/"))
	mux.Handle("/", handler)
	f.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = f.engine.StopAll(ctx, "the test is over")
		f.engine.Close()
		f.http.CloseClientConnections()
		f.http.Close()
	})
	f.connect(connect.WithSendGzip())
	return f
}

func (f *fixture) connect(o ...connect.ClientOption) {
	opts := connect.WithClientOptions(o...)
	f.cluster = clusterconnect.NewClusterServiceClient(f.http.Client(), f.http.URL, opts)
	f.identity = authconnect.NewIdentityServiceClient(f.http.Client(), f.http.URL, opts)
	f.projects = projectconnect.NewProjectServiceClient(f.http.Client(), f.http.URL, opts)
	f.tasks = taskconnect.NewTaskServiceClient(f.http.Client(), f.http.URL, opts)
	f.data = dataproxyconnect.NewDataProxyServiceClient(f.http.Client(), f.http.URL, opts)
	f.actions = actionsconnect.NewActionsServiceClient(f.http.Client(), f.http.URL, opts)
	f.runs = workflowconnect.NewRunServiceClient(f.http.Client(), f.http.URL, opts)
	f.oldLogs = workflowconnect.NewRunLogsServiceClient(f.http.Client(), f.http.URL, opts)
}

func (f *fixture) warn(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.warnings = append(f.warnings, text)
}

func (f *fixture) warned() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.warnings
}

// launcher runs nothing: an attempt lasts until the test ends it.
type launcher struct {
	mu      sync.Mutex
	running map[place]*attempt
	stuck   chan struct{} // while it is not nil, stopping an attempt waits for it
}

// place names an attempt.
type place struct {
	run, action string
	number      int
}

type attempt struct {
	order engine.Order
	end   chan engine.End
}

func (l *launcher) Launch(ctx context.Context, o engine.Order) engine.End {
	at := &attempt{o, make(chan engine.End, 1)}
	p := place{o.Run.ID.Name, o.Action.ID.Name, o.Attempt}
	l.mu.Lock()
	if l.running == nil {
		l.running = map[place]*attempt{}
	}
	l.running[p] = at
	l.mu.Unlock()
	o.Progress(engine.Progress{Phase: running})
	select {
	case end := <-at.end:
		return end
	case <-ctx.Done():
		l.mu.Lock()
		stuck := l.stuck
		l.mu.Unlock()
		if stuck != nil {
			<-stuck
		}
		return engine.End{Phase: aborted, Started: time.Now()}
	}
}

func (l *launcher) Adopt(context.Context, engine.Order) (engine.End, bool) {
	return engine.End{}, false
}

// find waits for an attempt to run.
func (l *launcher) find(t testing.TB, p place) *attempt {
	t.Helper()
	for range 1000 {
		l.mu.Lock()
		at := l.running[p]
		l.mu.Unlock()
		if at != nil {
			return at
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%v never ran", p)
	return nil
}

// finish ends an attempt.
func (l *launcher) finish(t testing.TB, p place, end engine.End) {
	t.Helper()
	at := l.find(t, p)
	end.Started = time.Now()
	at.end <- end
}

func failure(code, message string) *core.ExecutionError {
	return &core.ExecutionError{Kind: core.ExecutionError_USER, Code: code, Message: message}
}

// hello is a small task.
func hello() *task.TaskSpec {
	integer := &core.Variable{Type: &core.LiteralType{Type: &core.LiteralType_Simple{Simple: core.SimpleType_INTEGER}}}
	return &task.TaskSpec{
		ShortName: "main", Environment: &task.Environment{Name: "hello"},
		TaskTemplate: &core.TaskTemplate{
			Id: &core.Identifier{Project: "flytesnacks", Domain: "development", Name: "hello.main", Version: "v1"}, Type: "python",
			Metadata: &core.TaskMetadata{Retries: &core.RetryStrategy{Retries: 1}},
			Interface: &core.TypedInterface{
				Inputs:  &core.VariableMap{Variables: []*core.VariableEntry{{Key: "x", Value: integer}}},
				Outputs: &core.VariableMap{Variables: []*core.VariableEntry{{Key: "o0", Value: integer}}},
			},
			Target: &core.TaskTemplate_Container{Container: &core.Container{Image: "img", Args: []string{"a0"}}},
		},
	}
}

func literal(i int64) *core.Literal {
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Primitive{
		Primitive: &core.Primitive{Value: &core.Primitive_Integer{Integer: i}}}}}}
}

func inputs(x int64) *task.Inputs {
	return &task.Inputs{Literals: []*task.NamedLiteral{{Name: "x", Value: literal(x)}}}
}

func (f *fixture) someRun() *common.RunIdentifier {
	return &common.RunIdentifier{Project: "p", Domain: "d", Name: "r"}
}

// soon is a context for what must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
