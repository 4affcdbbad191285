// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// still is an engine with one run, whatever is asked of it.
type still struct {
	run *engine.Run
	a   *engine.Action
}

func newStill() still {
	id := engine.RunID{Project: "flytesnacks", Domain: "development", Name: "r"}
	now := time.Unix(1e9, 0)
	return still{
		&engine.Run{ID: id, Created: now},
		&engine.Action{ID: engine.ActionID{Run: id, Name: "a0"}, Task: &workflow.TaskAction{Spec: hello()}, Created: now, Revision: 1,
			InputURI: "s3://drydock/in", State: engine.State{Phase: succeeded, Ended: now, OutputURI: "s3://drydock/out",
				Attempts: []engine.Attempt{{Number: 1, TaskID: "t", Phase: succeeded, Created: now, Started: now, Ended: now, OutputURI: "s3://drydock/out"}}}},
	}
}

func (s still) CreateRun(context.Context, engine.NewRun) (*engine.Run, *engine.Action, error) {
	return s.run, s.a, nil
}
func (still) Enqueue(context.Context, *actions.Action) error   { return nil }
func (s still) Run(engine.RunID) (*engine.Run, error)          { return s.run, nil }
func (s still) Action(engine.ActionID) (*engine.Action, error) { return s.a, nil }
func (s still) Actions(engine.RunID) ([]*engine.Action, error) { return []*engine.Action{s.a}, nil }
func (still) AbortRun(engine.RunID, string) error              { return nil }
func (still) AbortAction(engine.ActionID, string) error        { return nil }
func (still) Signal(engine.ActionID, *core.Literal) error      { return nil }
func (s still) Runs(f engine.RunFilter) ([]*engine.Run, []*engine.Action, string, error) {
	if f.Match != nil {
		f.Match(s.run, s.a)
	}
	return []*engine.Run{s.run}, []*engine.Action{s.a}, "", nil
}
func (s still) WatchAction(_ context.Context, _ engine.ActionID, f func(*engine.Action) error) error {
	return f(s.a)
}
func (s still) WatchRun(_ context.Context, _ engine.RunID, f func([]*engine.Action) error) error {
	return f([]*engine.Action{s.a})
}
func (s still) WatchRuns(_ context.Context, f func(*engine.Run, *engine.Action) error) error {
	if err := f(nil, nil); err != nil {
		return err
	}
	return f(s.run, s.a)
}
func (s still) WatchChildren(_ context.Context, _ engine.ActionID, f func(engine.Update) error) error {
	if err := f(engine.Update{Action: s.a}); err != nil {
		return err
	}
	return f(engine.Update{})
}

// fuzzMethods are all methods, in one order, with the recorded requests of
// each.
func fuzzMethods(f *testing.F, streams bool) (paths []string, seeds map[string][][]byte) {
	seeds = map[string][][]byte{}
	for _, calls := range scenarios(f) {
		for _, c := range calls {
			if m := method(f, c); m.IsStreamingServer() == streams {
				seeds[procedure(m)] = append(seeds[procedure(m)], c.Request)
			}
		}
	}
	fix := newFixture(f)
	for path := range fix.handler.methods {
		if isStream(f, path) == streams {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, seeds
}

func isStream(t testing.TB, path string) bool {
	t.Helper()
	service, name, _ := bytes.Cut([]byte(path[1:]), []byte("/"))
	d := descriptor(t, protoreflect.FullName(service))
	return d.Methods().ByName(protoreflect.Name(name)).IsStreamingServer()
}

// FuzzUnary sends anything to the unary methods: what is wrong with it must
// be said to be the client's fault.
func FuzzUnary(f *testing.F) { fuzz(f, false) }

// FuzzStream does so with streams.
func FuzzStream(f *testing.F) { fuzz(f, true) }

func fuzz(f *testing.F, streams bool) {
	paths, seeds := fuzzMethods(f, streams)
	for i, path := range paths {
		for _, seed := range seeds[path] {
			body, kind := seed, uint8(0)
			if streams {
				body = frame(0, seed)
			}
			f.Add(uint8(i), kind, body)
			f.Add(uint8(i), uint8(1), body[:len(body)/2])
		}
		f.Add(uint8(i), uint8(2), []byte(`{"runId":{"project":"p","domain":"d","name":"r"}}`))
	}
	fix := newFixture(f, func(c *Config, _ *engine.Config) { c.Engine = newStill() })
	fix.handler.limit = 1 << 20
	f.Fuzz(func(t *testing.T, i, kind uint8, body []byte) {
		path := paths[int(i)%len(paths)]
		codec := "proto"
		if kind&2 != 0 {
			codec = "json"
		}
		header := http.Header{"Content-Type": {"application/" + codec}, unaryEncoding: {"gzip"}}
		if streams {
			header = http.Header{"Content-Type": {streamType + codec}, streamEncoding: {"gzip"}}
		}
		switch {
		case kind&1 != 0 && streams:
			body = frame(1, zip(body))
		case kind&1 != 0:
			body = zip(body)
		}
		req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)).WithContext(t.Context())
		req.Header = header
		w := httptest.NewRecorder()
		fix.handler.ServeHTTP(w, req)
		code, text := answered(t, w.Result(), w.Body.Bytes())
		if slices.Contains([]string{"internal", "unknown", "canceled", "resource_exhausted", "data_loss"}, code) {
			t.Errorf("%s: %s: %s", path, code, text)
		}
		if warned := fix.warned(); slices.ContainsFunc(warned, func(w string) bool { return bytes.Contains([]byte(w), []byte("panic")) }) {
			t.Error(fmt.Sprint(warned))
		}
	})
}
