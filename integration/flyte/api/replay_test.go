// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/testdata"
)

// The recordings are played to a server that has everything but sandboxes:
// each request as the SDK sent it, but for the names that the server invents.
// The tasks end as they did in the recording, and what is answered must have
// every field that the recorded answer has, and the same phases and codes.

// order is the one in which conversations build on each other.
var order = []string{
	"hello", "hello-cached-bundle", "hello-cli-follow", "oom", "fanout-gather", "fanout-map", "nested-retries", "files",
	"files-from-client", "traces", "caching-miss", "caching-hit", "conditions", "fails", "fails-cli-follow", "errors", "backpressure",
	"abort-run", "abort-action", "bundle-all", "bundle-loaded-modules", "bundle-pkl", "resources", "deploy", "deploy-again",
	"deploy-special", "run-by-name", "get-commands",
}

func TestReplay(t *testing.T) {
	all := scenarios(t)
	f := newFixture(t)
	p := &player{f: f, names: map[string]string{}}
	for _, name := range order {
		calls, ok := all[name]
		if !ok {
			t.Fatalf("there is no conversation %s", name)
		}
		delete(all, name)
		t.Run(name, func(t *testing.T) { p.play(t, calls) })
		if name == "nested-retries" { // get-commands shows another recording of it
			p.names["rg2ptf042x1gn445zg2o"] = p.last
		}
	}
	if len(all) > 0 {
		t.Errorf("not played: %v", all)
	}
	if w := f.warned(); len(w) != 1 || !strings.Contains(w[0], "will not fire") { // deploy-special has a trigger
		t.Errorf("warnings: %q", w)
	}
}

// player plays conversations; what one of them named, later ones may use.
type player struct {
	f     *fixture
	names map[string]string // recorded name: ours
	last  string            // run that was made last
}

// scene is one conversation while it is played.
type scene struct {
	*player
	t       *testing.T
	calls   []testdata.Call
	ends    map[string]*workflow.ActionUpdate // recorded ends of actions
	data    map[string]*dataproxy.GetActionDataResponse
	tries   map[string]int // attempts of children
	streams []*playedStream
	ended   map[string]bool
}

type playedStream struct {
	call   testdata.Call
	cancel context.CancelFunc
	done   chan []proto.Message
	mu     sync.Mutex
	got    []proto.Message
}

func (st *playedStream) add(m proto.Message) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.got = append(st.got, m)
}

// told reports whether a parent has heard of an action's phase.
func (st *playedStream) told(a *engine.Action) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.ContainsFunc(st.got, func(m proto.Message) bool {
		u := m.(*actions.WatchForUpdatesResponse).GetActionUpdate()
		return u.GetActionId().GetName() == a.ID.Name && u.GetPhase() == a.Phase
	})
}

func (p *player) play(t *testing.T, calls []testdata.Call) {
	p.f.t = t
	s := &scene{player: p, t: t, calls: calls, ends: map[string]*workflow.ActionUpdate{},
		data: map[string]*dataproxy.GetActionDataResponse{}, ended: map[string]bool{}, tries: map[string]int{}}
	s.study()
	for i, c := range calls {
		s.prepare(c)
		if method(t, c).IsStreamingServer() {
			s.open(c)
		} else {
			s.call(c)
		}
		if !slices.ContainsFunc(calls[i+1:], s.whileRunning) {
			s.finishAll() // no task asks for anything any more
		}
	}
	for _, st := range s.streams {
		s.compareStream(st)
	}
}

// whileRunning says whether something still ran when a call was made.
func (s *scene) whileRunning(c testdata.Call) bool {
	for _, m := range s.answers(c) {
		if d, ok := m.(*workflow.GetActionDetailsResponse); ok && !engine.Terminal(d.GetDetails().GetStatus().GetPhase()) {
			return true
		}
	}
	return strings.Contains(c.Caller, "#") || c.Service == "ActionsService" || slices.Contains([]string{"CreateRun", "SignalEvent", "AbortRun", "AbortAction"}, c.Method)
}

// study finds out how the actions of the recording ended.
func (s *scene) study() {
	for _, c := range s.calls {
		for _, m := range s.answers(c) {
			switch m := m.(type) {
			case *actions.WatchForUpdatesResponse:
				u := m.GetActionUpdate()
				name := u.GetActionId().GetRun().GetName() + "/" + u.GetActionId().GetName()
				if engine.Terminal(u.GetPhase()) {
					s.ends[name] = u
				} else if u.GetPhase() == running {
					s.tries[name]++
				}
			case *workflow.WatchActionDetailsResponse:
				s.studyDetails(m.GetDetails())
			case *workflow.GetActionDetailsResponse:
				s.studyDetails(m.GetDetails())
			case *workflow.GetRunDetailsResponse:
				s.studyDetails(m.GetDetails().GetAction())
			case *dataproxy.GetActionDataResponse:
				req := &dataproxy.GetActionDataRequest{}
				s.decode(c.Request, req)
				s.data[req.GetActionId().GetRun().GetName()+"/"+req.GetActionId().GetName()] = m
			}
		}
	}
}

func (s *scene) studyDetails(d *workflow.ActionDetails) {
	if !engine.Terminal(d.GetStatus().GetPhase()) {
		return
	}
	u := &workflow.ActionUpdate{ActionId: d.GetId(), Phase: d.GetStatus().GetPhase()}
	if e := d.GetErrorInfo(); e != nil {
		u.Error = &core.ExecutionError{Code: e.GetCode(), Message: e.GetMessage(), Kind: core.ExecutionError_ErrorKind(e.GetKind())}
	}
	s.ends[d.GetId().GetRun().GetName()+"/"+d.GetId().GetName()] = u
}

func (s *scene) decode(data []byte, m proto.Message) {
	s.t.Helper()
	if err := proto.Unmarshal(data, m); err != nil {
		s.t.Fatal(err)
	}
}

// answers decodes a recorded answer.
func (s *scene) answers(c testdata.Call) (out []proto.Message) {
	if c.Response == nil {
		return nil
	}
	parts := [][]byte{c.Response}
	if method(s.t, c).IsStreamingServer() {
		var err error
		if parts, err = testdata.Frames(c.Response); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, part := range parts {
		m := message(s.t, method(s.t, c).Output())
		s.decode(part, m)
		out = append(out, m)
	}
	return out
}

// request is a recorded request with our names in it.
func (s *scene) request(c testdata.Call) []byte {
	m := message(s.t, method(s.t, c).Input())
	s.decode(c.Request, m)
	s.translate(m.ProtoReflect())
	data, err := proto.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func (s *scene) ours(text string) string {
	text = strings.ReplaceAll(text, "s3://flyte-data/", "s3://drydock/")
	for from, to := range s.names {
		text = strings.ReplaceAll(text, from, to)
	}
	return text
}

// translate replaces names in all texts of a message.
func (s *scene) translate(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
				if fd.MapValue().Message() != nil {
					s.translate(e.Message())
				}
				return true
			})
		case fd.IsList():
			for i := range v.List().Len() {
				if fd.Message() != nil {
					s.translate(v.List().Get(i).Message())
				} else if fd.Kind() == protoreflect.StringKind {
					v.List().Set(i, protoreflect.ValueOfString(s.ours(v.List().Get(i).String())))
				}
			}
		case fd.Message() != nil:
			s.translate(v.Message())
		case fd.Kind() == protoreflect.StringKind:
			m.Set(fd, protoreflect.ValueOfString(s.ours(v.String())))
		}
		return true
	})
}

// call plays a unary call and compares the answers.
func (s *scene) call(c testdata.Call) {
	s.t.Helper()
	res, data := s.f.post(procedure(method(s.t, c)), unary, zip(s.request(c)))
	code, text := answered(s.t, res, data)
	want := c.Error
	if want == "resource_exhausted" {
		want = "" // that server was told to be slow
	}
	if code != want {
		s.t.Errorf("%s: %s %s, recorded was %q", c, code, text, c.Error)
		return
	}
	if code != "" || c.Response == nil {
		return
	}
	m := message(s.t, method(s.t, c).Output())
	s.decode(data, m)
	recorded := s.answers(c)[0]
	s.learn(recorded, m)
	if r, ok := m.(*workflow.CreateRunResponse); ok && r.GetRun().GetAction().GetStatus().GetPhase() == succeeded {
		return // from the cache, and that server needed a moment to find it
	}
	s.compare(c.String(), recorded, m)
}

// learn notes what the server invented.
func (s *scene) learn(recorded, got proto.Message) {
	switch r := recorded.(type) {
	case *workflow.CreateRunResponse:
		s.last = got.(*workflow.CreateRunResponse).GetRun().GetAction().GetId().GetRun().GetName()
		s.names[r.GetRun().GetAction().GetId().GetRun().GetName()] = s.last
	case *dataproxy.UploadInputsResponse:
		from, to := r.GetOffloadedInputData(), got.(*dataproxy.UploadInputsResponse).GetOffloadedInputData()
		s.names[strings.TrimPrefix(from.GetUri(), "s3://flyte-data/")] = strings.TrimPrefix(to.GetUri(), "s3://drydock/")
	case *dataproxy.CreateUploadLocationResponse:
		if want := s.ours(r.GetNativeUrl()); got.(*dataproxy.CreateUploadLocationResponse).GetNativeUrl() != want {
			s.t.Errorf("an upload goes to %s, want %s", got, want)
		}
	}
}
