// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/testdata"
)

// open plays a call that is answered by a stream.
func (s *scene) open(c testdata.Call) {
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	m := method(s.t, c)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.f.http.URL+procedure(m), bytes.NewReader(frame(1, zip(s.request(c)))))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", stream)
	req.Header.Set("Connect-Protocol-Version", "1")
	req.Header.Set("Connect-Content-Encoding", "gzip")
	req.Header.Set("Connect-Accept-Encoding", "identity")
	res, err := s.f.http.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	st := &playedStream{call: c, cancel: cancel, done: make(chan []proto.Message, 1)}
	s.streams = append(s.streams, st)
	go func() {
		defer res.Body.Close()
		for r := newFrames(res.Body); ; {
			data, ok := r.next()
			if !ok {
				st.done <- st.got
				return
			}
			if msg := message(s.t, m.Output()); proto.Unmarshal(data, msg) == nil {
				st.add(msg)
			}
		}
	}()
}

// compareStream waits for a stream's end, which the client makes for a watch
// of children, and compares what came.
func (s *scene) compareStream(st *playedStream) {
	s.t.Helper()
	recorded := s.answers(st.call)
	if st.call.Method == "WatchForUpdates" {
		s.hearAll(st)
	}
	var got []proto.Message
	select {
	case got = <-st.done:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("%s: the stream does not end", st.call)
	}
	switch st.call.Method {
	case "WatchForUpdates":
		s.compareUpdates(st.call, recorded, got)
	case "TailLogs":
		if a, b := logText(recorded), logText(got); a != b {
			s.t.Errorf("%s: log is\n%s\nrecorded was\n%s", st.call, b, a)
		}
	default:
		if len(got) == 0 {
			s.t.Errorf("%s: no message came", st.call)
			return
		}
		s.compare(st.call.String()+", last message", recorded[len(recorded)-1], got[len(got)-1])
	}
}

// hearAll lets a parent hear of all its children, and closes its ears.
func (s *scene) hearAll(st *playedStream) {
	defer st.cancel()
	m := &actions.WatchForUpdatesRequest{}
	s.decode(s.request(st.call), m)
	parent, err := actionID(m.GetParentActionId())
	if err != nil {
		s.t.Fatal(err)
	}
	all, err := s.f.engine.Actions(parent.Run)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, a := range all {
		for i := 0; a.Parent == parent.Name && !st.told(a) && i < 1000; i++ {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func logText(all []proto.Message) string {
	var b strings.Builder
	for _, m := range all {
		for _, l := range m.(*dataproxy.TailLogsResponse).GetLogs() {
			for _, line := range l.GetLines() {
				fmt.Fprint(&b, line.GetTimestamp().AsTime().UnixNano(), " ", line.GetMessage())
			}
		}
	}
	return b.String()
}

// compareUpdates compares what a parent heard: the snapshot's actions, the
// sentinel, and every child's last update.
func (s *scene) compareUpdates(c testdata.Call, recorded, got []proto.Message) {
	s.t.Helper()
	type heard struct {
		before map[string]bool
		last   map[string]*workflow.ActionUpdate
		bare   bool // an update came without output_uri
	}
	hear := func(all []proto.Message) heard {
		h := heard{before: map[string]bool{}, last: map[string]*workflow.ActionUpdate{}}
		sentinel := false
		for _, m := range all {
			m := m.(*actions.WatchForUpdatesResponse)
			if m.GetControlMessage().GetSentinel() {
				sentinel = true
				continue
			}
			name := m.GetActionUpdate().GetActionId().GetName()
			if !sentinel {
				h.before[name] = true
			}
			h.last[name] = m.GetActionUpdate()
			h.bare = h.bare || m.GetActionUpdate().GetOutputUri() == ""
		}
		if !sentinel {
			s.t.Errorf("%s: no sentinel came", c)
		}
		return h
	}
	was, is := hear(recorded), hear(got)
	if is.bare {
		s.t.Errorf("%s: an update came without output_uri", c)
	}
	for name, u := range was.last {
		if was.before[name] != is.before[name] {
			s.t.Errorf("%s: %s is in the snapshot: %v", c, name, is.before[name])
		}
		if engine.Terminal(u.GetPhase()) {
			s.compare(c.String()+", "+name, u, is.last[name])
		}
	}
}

// compare wants every field of the recorded message in ours, phases and codes
// with the same value.
func (s *scene) compare(what string, recorded, got proto.Message) {
	s.t.Helper()
	for _, missing := range lacks(recorded.ProtoReflect(), got.ProtoReflect(), "") {
		s.t.Errorf("%s: %s", what, missing)
	}
}

// exact are fields whose values must be the recorded ones.
var exact = map[protoreflect.Name]bool{
	"phase": true, "code": true, "kind": true, "action_type": true, "cache_status": true, "funtion_name": true, "environment_name": true,
	"task_type": true, "short_name": true, "attempts": true, "attempt": true, "value": true, "literals": true, "type": true,
}

// other are fields in which another server is another: how long things took,
// and what it thought of the inputs.
var other = map[protoreflect.Name]bool{"duration_ms": true, "org": true, "logs_available": true, "runs": true, "tasks": true, "domains": true}

func lacks(recorded, got protoreflect.Message, path string) (out []string) {
	recorded.Range(func(fd protoreflect.FieldDescriptor, want protoreflect.Value) bool {
		here := path + "." + string(fd.Name())
		if other[fd.Name()] {
			return true
		}
		if !got.Has(fd) {
			out = append(out, here+" is missing")
			return true
		}
		have := got.Get(fd)
		switch {
		case fd.IsMap():
		case fd.IsList():
			if have.List().Len() < want.List().Len() {
				out = append(out, fmt.Sprintf("%s has %d elements, not %d", here, have.List().Len(), want.List().Len()))
				return true
			}
			if fd.Message() != nil && fd.Name() != "phase_transitions" {
				for i := range want.List().Len() {
					out = append(out, lacks(want.List().Get(i).Message(), have.List().Get(i).Message(), fmt.Sprintf("%s[%d]", here, i))...)
				}
			}
		case fd.Message() != nil:
			out = append(out, lacks(want.Message(), have.Message(), here)...)
		case exact[fd.Name()] && !want.Equal(have):
			out = append(out, fmt.Sprintf("%s is %v, not %v", here, have, want))
		}
		return true
	})
	return out
}
