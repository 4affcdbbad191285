// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"drydock/executor"
	"drydock/gpu"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
	"drydock/internal/need"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

func diff(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// store is an object store in memory.
type store struct {
	mu   sync.Mutex
	data map[string][]byte
	fail error // of every call
}

func (s *store) GetBytes(_ context.Context, key string, max int64) ([]byte, objects.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.data[key]
	switch {
	case s.fail != nil:
		return nil, objects.Info{}, s.fail
	case !ok:
		return nil, objects.Info{}, fmt.Errorf("%w: %s", objects.ErrNotFound, key)
	case int64(len(data)) > max:
		return nil, objects.Info{}, objects.ErrTooLarge
	}
	return data, objects.Info{Key: key, Size: int64(len(data))}, nil
}

func (s *store) Stat(ctx context.Context, key string) (objects.Info, error) {
	_, info, err := s.GetBytes(ctx, key, 1<<40)
	return info, err
}

func (s *store) Put(_ context.Context, key string, r io.Reader, _ objects.PutOptions) (objects.Info, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return objects.Info{}, err
	}
	s.put(objects.URI(key), data)
	return objects.Info{Key: key}, nil
}

func (s *store) put(uri string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, err := objects.ParseURI(uri)
	if err != nil {
		panic(err)
	}
	if s.data == nil {
		s.data = map[string][]byte{}
	}
	s.data[key] = data
}

func (s *store) putMessage(t testing.TB, uri string, m proto.Message) {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	s.put(uri, data)
}

// venv is the Python of most tests.
var venv = python.Python{
	Executable: "/srv/venv/bin/python3", A0: "/srv/venv/bin/a0", Prefix: "/srv/venv", BasePrefix: "/usr", Version: "3.11.4", SDK: "2.12.1",
}

// fake is the sandbox of most tests: whatever the program's name, it does what
// the suite's hog would.
type fake struct{ sandboxtest.Fake }

func (f *fake) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	spec.Args = append([]string{"hog"}, spec.Args[1:]...)
	return f.Fake.Start(ctx, spec, streams)
}

// bench is a Launcher on a real executor over the fake sandbox.
type bench struct {
	*Launcher
	store *store
}

func newBench(t testing.TB, box sandbox.Sandbox, change func(*Config)) bench {
	t.Helper()
	return newBenchWith(t, box, gpu.Inventory{}, change)
}

// newBenchWith is newBench on a machine with accelerators.
func newBenchWith(t testing.TB, box sandbox.Sandbox, inv gpu.Inventory, change func(*Config)) bench {
	t.Helper()
	if box == nil {
		box = &fake{}
	}
	x, err := executor.New(executor.Config{
		Sandbox: box, StateDir: t.TempDir(), Capacity: executor.Capacity{CPUMilli: 4000, Memory: 4 << 30},
		Devices: func(context.Context) gpu.Inventory { return inv },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &store{}
	c := Config{
		Executor: x, Objects: s, Python: func() (python.Python, error) { return venv, nil },
		APIEndpoint: "127.0.0.1:8090", S3Endpoint: "http://127.0.0.1:8090",
		Credentials: func(run engine.RunID) (string, string) { return "key-" + run.Name, "secret-" + run.Name },
		Profile:     resources.DefaultProfile(),
	}
	if change != nil {
		change(&c)
	}
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return bench{n, s}
}

// taskOf is a Python task with a command of its own.
func taskOf(command ...string) *task.TaskSpec {
	return &task.TaskSpec{TaskTemplate: &core.TaskTemplate{
		Id: &core.Identifier{Project: "p", Domain: "d", Name: "env.work", Version: "v1"}, Type: "python",
		Interface: &core.TypedInterface{},
		Target:    &core.TaskTemplate_Container{Container: &core.Container{Image: "img:1", Args: command}},
	}}
}

// withResources gives a task requests and limits: "MEMORY", "64Mi", …
func withResources(s *task.TaskSpec, limits bool, pairs ...string) *task.TaskSpec {
	r := &core.Resources{}
	for i := 0; i < len(pairs); i += 2 {
		name := core.Resources_ResourceName(core.Resources_ResourceName_value[pairs[i]])
		e := &core.Resources_ResourceEntry{Name: name, Value: pairs[i+1]}
		r.Requests = append(r.Requests, e)
		if limits {
			r.Limits = append(r.Limits, e)
		}
	}
	s.TaskTemplate.GetContainer().Resources = r
	return s
}

// withOutput gives a task one output.
func withOutput(s *task.TaskSpec) *task.TaskSpec {
	s.TaskTemplate.Interface.Outputs = &core.VariableMap{Variables: []*core.VariableEntry{{Key: "o0", Value: &core.Variable{}}}}
	return s
}

// order is attempt 1 of action a0 of run r1.
func order(t testing.TB, spec *task.TaskSpec) engine.Order {
	t.Helper()
	id, err := executor.NewID()
	if err != nil {
		t.Fatal(err)
	}
	run := &engine.Run{
		ID:         engine.RunID{Project: "p", Domain: "d", Name: "r1"},
		Spec:       &task.RunSpec{},
		StartTime:  time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600)),
		OutputBase: "s3://drydock/runs/p/d/r1",
	}
	action := &engine.Action{
		ID: engine.ActionID{Run: run.ID, Name: "a0"}, InputURI: "s3://drydock/inputs/i1",
		Task: &workflow.TaskAction{Spec: spec},
	}
	return engine.Order{
		Run: run, Action: action, Attempt: 1, TaskID: id, OutputURI: run.OutputBase + "/a0/1",
		Loan: &executor.Loan{}, Progress: func(engine.Progress) {},
	}
}

// recordedOrder is an order for what the SDK really sent: the request in
// testdata/wire.
func recordedOrder(t testing.TB, name string) engine.Order {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wire", name+".binpb"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(m proto.Message) {
		if err := proto.Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case strings.HasSuffix(name, ".createrun"):
		var r workflow.CreateRunRequest
		read(&r)
		o := order(t, r.GetTaskSpec())
		o.Run.Spec = r.GetRunSpec()
		return o
	case strings.HasSuffix(name, ".enqueue"):
		var r actions.EnqueueRequest
		read(&r)
		o := order(t, r.GetAction().GetTask().GetSpec())
		o.Action.ID.Name, o.Action.Parent = r.GetAction().GetActionId().GetName(), "a0"
		o.Action.InputURI = o.Run.OutputBase + "/" + o.Action.ID.Name
		o.OutputURI = o.Run.OutputBase + "/" + o.Action.ID.Name + "/1"
		return o
	default:
		var r task.DeployTaskRequest
		read(&r)
		return order(t, r.GetSpec())
	}
}

// golden compares text with testdata/golden/name.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(text)) {
		t.Errorf("%s differs (go test -update writes it):\n%s", path, cmp.Diff(string(want), text))
	}
}

// refused checks that err is a refusal with a code, whose sentence has words.
func refused(t testing.TB, err error, code string, words ...string) {
	t.Helper()
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	if r.code != code {
		t.Errorf("code %s, want %s (%s)", r.code, code, r.message)
	}
	for _, w := range words {
		if !strings.Contains(r.message, w) {
			t.Errorf("%q does not say %q", r.message, w)
		}
	}
}

func structOf(t testing.TB, text string) *structpb.Struct {
	t.Helper()
	s := new(structpb.Struct)
	if err := s.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}
