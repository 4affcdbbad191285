// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/auth"
	"drydock/integration/flyte/flyteidl2/cluster"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/project"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

func ascending(key string) *common.Sort {
	return &common.Sort{Key: key, Direction: common.Sort_ASCENDING}
}

// listRuns reads all pages.
func (f *fixture) listRuns(m *workflow.ListRunsRequest) (names []string, err error) {
	f.t.Helper()
	if m.Request == nil {
		m.Request = &common.ListRequest{}
	}
	for {
		res, err := f.runs.ListRuns(f.t.Context(), connect.NewRequest(m))
		if err != nil {
			return nil, err
		}
		for _, r := range res.Msg.GetRuns() {
			names = append(names, r.GetAction().GetId().GetRun().GetName())
		}
		if m.Request.Token = res.Msg.GetToken(); m.Request.Token == "" {
			return names, nil
		}
		if len(res.Msg.GetRuns()) > int(max(1, m.Request.GetLimit())) {
			f.t.Errorf("a page of %d runs, the limit is %d", len(res.Msg.GetRuns()), m.Request.GetLimit())
		}
	}
}

func TestListRuns(t *testing.T) {
	f := newFixture(t)
	start := func(name, project string, change ...func(*workflow.CreateRunRequest)) *common.ActionIdentifier {
		return f.start(append(change, func(m *workflow.CreateRunRequest) {
			m.Id = &workflow.CreateRunRequest_RunId{RunId: &common.RunIdentifier{Project: project, Domain: "development", Name: name}}
		})...)
	}
	r1 := start("r1", "flytesnacks")
	f.launcher.finish(t, at(r1, 1), engine.End{Phase: succeeded})
	f.await(r1, succeeded)
	f.await(start("r2", "flytesnacks", func(m *workflow.CreateRunRequest) { m.GetRunSpec().GetLabels().Values = map[string]string{"team": "b"} }), running)
	middle := time.Now()
	f.await(start("r3", "flytesnacks", func(m *workflow.CreateRunRequest) {
		m.RunSpec = nil
		m.GetTaskSpec().GetTaskTemplate().GetId().Name, m.GetTaskSpec().GetTaskTemplate().GetId().Version = "other.main", "v2"
	}), running)
	start("r4", "elsewhere")

	inSnacks := func(filters ...*common.Filter) *workflow.ListRunsRequest {
		return &workflow.ListRunsRequest{ScopeBy: &workflow.ListRunsRequest_ProjectId{ProjectId: snacks},
			Request: &common.ListRequest{Limit: 1, SortBy: ascending("created_at"), Filters: filters}}
	}
	filter := func(fn common.Filter_Function, field string, values ...string) *common.Filter {
		return &common.Filter{Function: fn, Field: field, Values: values}
	}
	python := middle.UTC().Format("2006-01-02T15:04:05.000000+00:00") // as datetime.isoformat() has it
	for _, tt := range []struct {
		name string
		m    *workflow.ListRunsRequest
		want string
	}{
		{"all", &workflow.ListRunsRequest{}, "r4 r3 r2 r1"},
		{"an organisation", &workflow.ListRunsRequest{ScopeBy: &workflow.ListRunsRequest_Org{Org: "127"}}, "r4 r3 r2 r1"},
		{"a project", inSnacks(), "r1 r2 r3"},
		{"a phase", inSnacks(filter(equal, "phase", "5")), "r1"},
		{"phases", inSnacks(filter(valueIn, "phase", "5", "4")), "r1 r2 r3"},
		{"a phase of two digits, as the SDK sends it", inSnacks(filter(equal, "phase", "1", "0")), ""},
		{"not a phase", inSnacks(filter(notEqual, "phase", "5")), "r2 r3"},
		{"a task", inSnacks(filter(equal, "task_name", "other.main"), filter(equal, "task_version", "v2")), "r3"},
		{"a label", inSnacks(filter(equal, "labels.team", "b")), "r2"},
		{"some label", inSnacks(filter(present, "labels.team")), "r1 r2"},
		{"no label", inSnacks(filter(absent, "labels.team")), "r3"},
		{"mine", inSnacks(filter(equal, "created_by", "someone")), "r1 r2 r3"},
		{"somebody else's", inSnacks(filter(equal, "created_by", "nobody")), ""},
		{"before", inSnacks(filter(common.Filter_LESS_THAN, "created_at", python)), "r1 r2"},
		{"after", inSnacks(filter(common.Filter_GREATER_THAN_OR_EQUAL, "created_at", python)), "r3"},
		{"changed after", inSnacks(filter(common.Filter_GREATER_THAN, "updated_at", "2100-01-01T00:00:00Z")), ""},
		{"of a task", &workflow.ListRunsRequest{ScopeBy: &workflow.ListRunsRequest_TaskName{TaskName: &task.TaskName{
			Project: "flytesnacks", Domain: "development", Name: "hello.main"}}}, "r2 r1"},
		{"of a version", &workflow.ListRunsRequest{ScopeBy: &workflow.ListRunsRequest_TaskId{TaskId: &task.TaskIdentifier{
			Project: "flytesnacks", Domain: "development", Name: "other.main", Version: "v1"}}}, ""},
		{"of a trigger", &workflow.ListRunsRequest{ScopeBy: &workflow.ListRunsRequest_TriggerName{}}, ""},
		{"paused", &workflow.ListRunsRequest{PausedActionsOnly: true}, ""},
		{"an unknown field", inSnacks(filter(equal, "colour", "red")), `drydock cannot filter this list by "colour"`},
		{"an unknown function", inSnacks(filter(contains, "phase", "5")), "CONTAINS"},
		{"a function of the future", inSnacks(filter(77, "name", "5")), "77"},
		{"no number", inSnacks(filter(equal, "phase", "SUCCEEDED")), `a number, not "SUCCEEDED"`},
		{"no time", inSnacks(filter(equal, "created_at", "yesterday")), `not "yesterday"`},
		{"no value", inSnacks(filter(equal, "phase")), "no value"},
		{"raw filters", &workflow.ListRunsRequest{Request: &common.ListRequest{RawFilters: []string{"x"}}}, "raw filters"},
		{"another order", &workflow.ListRunsRequest{Request: &common.ListRequest{SortBy: ascending("name")}}, `"name"`},
		{"two orders", &workflow.ListRunsRequest{Request: &common.ListRequest{SortByFields: []*common.Sort{ascending("a"), ascending("b")}}}, "one field"},
		{"the order in its newer form", &workflow.ListRunsRequest{Request: &common.ListRequest{SortByFields: []*common.Sort{ascending("created_at")}}}, "r1 r2 r3 r4"},
	} {
		names, err := f.listRuns(tt.m)
		got := strings.Join(names, " ")
		if err != nil {
			wantCode(t, tt.name, err, connect.CodeInvalidArgument, tt.want)
		} else if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestListActions(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	var want []string
	for i := range 5 {
		id := f.enqueueTask(root, fmt.Sprint("c", i))
		f.await(id, running)
		want = append(want, id.GetName())
	}
	tr := f.enqueueTrace(root, "tr")
	list := func(m *common.ListRequest) (names []string) {
		for {
			res, err := f.runs.ListActions(t.Context(), connect.NewRequest(&workflow.ListActionsRequest{RunId: root.GetRun(), Request: m}))
			if err != nil {
				return []string{err.Error()}
			}
			for _, a := range res.Msg.GetActions() {
				names = append(names, a.GetId().GetName())
			}
			if m.Token = res.Msg.GetToken(); m.Token == "" {
				return names
			}
		}
	}
	by := func(field string, values ...string) *common.ListRequest {
		return &common.ListRequest{Limit: 2, SortBy: ascending("created_at"), Filters: []*common.Filter{{Field: field, Values: values}}}
	}
	newest := append([]string{"a0"}, append(want, tr.GetName())...)
	slices.Reverse(newest)
	for _, tt := range []struct {
		name string
		m    *common.ListRequest
		want []string
	}{
		{"by time", &common.ListRequest{Limit: 2, SortBy: ascending("created_at")}, append([]string{"a0"}, append(want, "tr")...)},
		{"newest first", &common.ListRequest{Limit: 3}, newest},
		{"children", by("parent_name", "a0"), append(want, "tr")},
		{"traces", by("action_type", "2"), []string{"tr"}},
		{"running", by("phase", "4"), append([]string{"a0"}, want...)},
		{"of a task", by("task_name", "hello.main"), append([]string{"a0"}, want...)},
		{"by name", &common.ListRequest{SortBy: ascending("name")}, append([]string{"a0"}, append(want, "tr")...)},
		{"a bad order", &common.ListRequest{SortBy: ascending("colour")}, []string{`invalid_argument: drydock cannot sort this list by "colour"`}},
		{"a bad token", &common.ListRequest{Token: "%"}, []string{`invalid_argument: "%" is no token of a list`}},
	} {
		if diff := cmp.Diff(tt.want, list(tt.m)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestProjects(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	list := func(m *project.ListProjectsRequest) string {
		res, err := f.projects.ListProjects(ctx, connect.NewRequest(m))
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, p := range res.Msg.GetProjects().GetProjects() {
			out = append(out, p.GetId())
		}
		if res.Msg.GetProjects().GetToken() != "" {
			out = append(out, "…")
		}
		return strings.Join(out, " ")
	}
	active := &project.ListProjectsRequest{Limit: 100, Filters: "eq(state, 0)", SortBy: ascending("created_at")}
	if got := list(active); got != "flytesnacks" {
		t.Errorf("at the beginning: %q", got)
	}
	f.start(func(m *workflow.CreateRunRequest) {
		m.Id = &workflow.CreateRunRequest_ProjectId{ProjectId: &common.ProjectIdentifier{Name: "used", Domain: "mine"}}
	})
	if _, err := f.projects.CreateProject(ctx, connect.NewRequest(&project.CreateProjectRequest{Project: &project.Project{Id: "made", Name: "Made"}})); err != nil {
		t.Fatal(err)
	}
	_, err := f.projects.CreateProject(ctx, connect.NewRequest(&project.CreateProjectRequest{Project: &project.Project{Id: "made"}}))
	wantCode(t, "made again", err, connect.CodeAlreadyExists)
	_, err = f.projects.CreateProject(ctx, connect.NewRequest(&project.CreateProjectRequest{Project: &project.Project{Id: "a/b"}}))
	wantCode(t, "a bad name", err, connect.CodeInvalidArgument)
	got, err := f.projects.GetProject(ctx, connect.NewRequest(&project.GetProjectRequest{Id: "used"}))
	if err != nil || len(got.Msg.GetProject().GetDomains()) != 4 {
		t.Errorf("a used project: %v, %v", got, err)
	}
	p := got.Msg.GetProject()
	p.Domains, p.State = nil, project.ProjectState_PROJECT_STATE_ARCHIVED
	if _, err := f.projects.UpdateProject(ctx, connect.NewRequest(&project.UpdateProjectRequest{Project: p})); err != nil {
		t.Error(err)
	}
	_, err = f.projects.UpdateProject(ctx, connect.NewRequest(&project.UpdateProjectRequest{Project: &project.Project{Id: "none"}}))
	wantCode(t, "update of nothing", err, connect.CodeNotFound)
	_, err = f.projects.GetProject(ctx, connect.NewRequest(&project.GetProjectRequest{Id: "none"}))
	wantCode(t, "nothing", err, connect.CodeNotFound)
	for _, tt := range []struct {
		m    *project.ListProjectsRequest
		want string
	}{
		{active, "flytesnacks made"},
		{&project.ListProjectsRequest{Filters: "eq(state,1)"}, "used"},
		{&project.ListProjectsRequest{Filters: "contains(name, snack)+eq(state, 0)"}, "flytesnacks"},
		{&project.ListProjectsRequest{Filters: "value_in(id, made;used)"}, "made used"},
		{&project.ListProjectsRequest{Filters: "ne(id, made)", SortBy: ascending("id")}, "flytesnacks used"},
		{&project.ListProjectsRequest{Limit: 1}, "made …"},
		{&project.ListProjectsRequest{Filters: "like(id, x)"}, `invalid_argument: drydock does not understand the filter "like(id, x)": eq(state, 0) is one; ne, contains and value_in are the other functions`},
		{&project.ListProjectsRequest{Filters: "eq(colour, x)"}, `invalid_argument: drydock cannot filter this list by "colour"`},
	} {
		if got := list(tt.m); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.m, got, tt.want)
		}
	}
}

func TestWhoAndWhere(t *testing.T) {
	f := newFixture(t)
	who, err := f.identity.UserInfo(t.Context(), connect.NewRequest(&auth.UserInfoRequest{}))
	if err != nil || who.Msg.GetSubject() != "someone" || who.Msg.GetName() != "someone" {
		t.Errorf("user: %v, %v", who, err)
	}
	where, err := f.cluster.SelectCluster(t.Context(), connect.NewRequest(&cluster.SelectClusterRequest{Operation: 1}))
	if err != nil || where.Msg.GetClusterEndpoint() != "" {
		t.Errorf("cluster: %v, %v", where, err)
	}
}

func TestWatchRuns(t *testing.T) {
	f := newFixture(t)
	old := f.start()
	f.await(old, running)
	stream, err := f.runs.WatchRuns(soon(f.t), connect.NewRequest(&workflow.WatchRunsRequest{Target: &workflow.WatchRunsRequest_ProjectId{ProjectId: snacks}}))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]common.ActionPhase{}
	until := func(id *common.ActionIdentifier, phase common.ActionPhase) {
		t.Helper()
		for seen[id.GetRun().GetName()] != phase {
			if !stream.Receive() {
				t.Fatal(stream.Err())
			}
			for _, r := range stream.Msg().GetRuns() {
				seen[r.GetAction().GetId().GetRun().GetName()] = r.GetAction().GetStatus().GetPhase()
			}
		}
	}
	until(old, running) // what is there already
	elsewhere := f.start(func(m *workflow.CreateRunRequest) {
		m.Id = &workflow.CreateRunRequest_ProjectId{ProjectId: &common.ProjectIdentifier{Name: "elsewhere", Domain: "development"}}
	})
	fresh := f.start()
	f.launcher.finish(t, at(fresh, 1), engine.End{Phase: succeeded})
	until(fresh, succeeded)
	f.launcher.finish(t, at(old, 1), engine.End{Phase: succeeded})
	until(old, succeeded)
	if _, ok := seen[elsewhere.GetRun().GetName()]; ok {
		t.Error("a run of another project is told")
	}
	bad, err := f.runs.WatchRuns(soon(f.t), connect.NewRequest(&workflow.WatchRunsRequest{Target: &workflow.WatchRunsRequest_TaskId{}}))
	if err != nil {
		t.Fatal(err)
	}
	bad.Receive()
	wantCode(t, "a task without a name", bad.Err(), connect.CodeInvalidArgument)
}
