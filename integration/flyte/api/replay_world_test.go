// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/testdata"
)

// prepare makes true what a call takes for granted.
func (s *scene) prepare(c testdata.Call) {
	s.t.Helper()
	m := message(s.t, method(s.t, c).Input())
	s.decode(s.request(c), m)
	if action, number, ok := strings.Cut(c.Caller, "#"); ok && number == "2" && !s.ended[action+"#1"] {
		s.retry(c, action)
	}
	switch m := m.(type) {
	case *dataproxy.CreateDownloadLinkRequest:
		s.store(m)
	case *dataproxy.TailLogsRequest:
		s.print(c, m)
	case *actions.EnqueueRequest:
		s.fail(m.GetAction())
	case *workflow.GetActionDetailsRequest:
		if s.whileRunning(c) && s.snapshot(m.GetActionId()).Task != nil {
			s.f.await(m.GetActionId(), running)
		}
	}
}

// fail leaves the error document of a trace that failed.
func (s *scene) fail(a *actions.Action) {
	if a.GetTrace().GetPhase() != failed {
		return
	}
	for _, u := range s.ends {
		if e := u.GetError(); u.GetActionId().GetName() == a.GetActionId().GetName() {
			s.f.put(a.GetRunOutputBase()+"/"+a.GetActionId().GetName()+"/error.pb", &core.ErrorDocument{Error: &core.ContainerError{
				Code: e.GetCode(), Message: e.GetMessage(), Origin: e.GetKind(), Kind: core.ContainerError_Kind(e.GetRecoverability())}})
		}
	}
}

// retry ends the first attempt of an action so that a second one comes.
func (s *scene) retry(c testdata.Call, action string) {
	s.ended[action+"#1"] = true
	run := s.runOf(c)
	s.f.launcher.finish(s.t, place{run, action, 1}, engine.End{Phase: failed, Retry: engine.RetryUser, Error: failure("ValueError", "once")})
	s.f.launcher.find(s.t, place{run, action, 2})
}

// runOf finds the run that a call from inside is about.
func (s *scene) runOf(c testdata.Call) string {
	switch m := message(s.t, method(s.t, c).Input()).(type) {
	case *actions.WatchForUpdatesRequest:
		s.decode(s.request(c), m)
		return m.GetParentActionId().GetRun().GetName()
	case *actions.EnqueueRequest:
		s.decode(s.request(c), m)
		return m.GetAction().GetActionId().GetRun().GetName()
	}
	s.t.Fatalf("%s: of which run?", c)
	return ""
}

// store leaves what is to be downloaded.
func (s *scene) store(m *dataproxy.CreateDownloadLinkRequest) {
	d := s.f.details(m.GetActionAttemptId().GetActionId())
	uri := bundleURI(d.GetTask())
	if m.GetArtifactType() == dataproxy.ArtifactType_ARTIFACT_TYPE_REPORT {
		uri = d.GetAttempts()[len(d.GetAttempts())-1].GetOutputs().GetOutputUri() + "/report.html"
	}
	s.f.put(uri, &task.Inputs{})
}

// print writes the log that was recorded.
func (s *scene) print(c testdata.Call, m *dataproxy.TailLogsRequest) {
	at := attemptOf(s.snapshot(m.GetActionId()), m.GetAttempt())
	if at == nil {
		s.t.Fatalf("%s: no attempt %d", c, m.GetAttempt())
	}
	for _, r := range s.answers(c) {
		for _, l := range r.(*dataproxy.TailLogsResponse).GetLogs() {
			for _, line := range l.GetLines() {
				s.f.print(at.TaskID, line.GetTimestamp().AsTime().Format(time.RFC3339Nano)+" stdout F "+line.GetMessage())
			}
		}
	}
}

func (s *scene) snapshot(id *common.ActionIdentifier) *engine.Action {
	s.t.Helper()
	name, err := actionID(id)
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := s.f.engine.Action(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// finishAll ends every action of the conversation that still runs, children
// first, as it ended in the recording.
func (s *scene) finishAll() {
	s.t.Helper()
	for _, run := range s.liveRuns() {
		all, err := s.f.engine.Actions(run)
		if err != nil {
			s.t.Fatal(err)
		}
		slices.Reverse(all)
		for _, a := range all {
			if a.Task != nil && !a.Done() {
				s.finish(a)
			}
		}
	}
}

// liveRuns are the runs that are not over.
func (s *scene) liveRuns() (ids []engine.RunID) {
	runs, _, _, err := s.f.engine.Runs(engine.RunFilter{Match: func(_ *engine.Run, root *engine.Action) bool { return !root.Done() }})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// finish ends an action, after as many attempts as there were.
func (s *scene) finish(a *engine.Action) {
	s.t.Helper()
	recorded := ""
	for from, to := range s.names {
		if to == a.ID.Run.Name {
			recorded = from
		}
	}
	end := engine.End{Phase: succeeded}
	if u := s.ends[recorded+"/"+a.ID.Name]; u != nil {
		end.Phase, end.Error = u.GetPhase(), u.GetError()
	}
	number := len(a.Attempts)
	retries := int(a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetRetries().GetRetries())
	for ; number < min(s.tries[recorded+"/"+a.ID.Name], 1+retries); number++ {
		s.f.launcher.finish(s.t, place{a.ID.Run.Name, a.ID.Name, number}, engine.End{Phase: failed, Retry: engine.RetryUser, Error: failure("ValueError", "once")})
		s.f.launcher.find(s.t, place{a.ID.Run.Name, a.ID.Name, number + 1})
	}
	if end.Phase == succeeded {
		out := &task.Outputs{}
		if d := s.data[recorded+"/"+a.ID.Name]; d != nil {
			out = d.GetOutputs()
		}
		s.f.put(s.f.launcher.find(s.t, place{a.ID.Run.Name, a.ID.Name, number}).order.OutputURI+"/outputs.pb", out)
	}
	s.f.launcher.finish(s.t, place{a.ID.Run.Name, a.ID.Name, number}, end)
	s.f.await(actionIdentifier(a.ID), end.Phase)
}
