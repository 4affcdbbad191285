// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

func TestDeployAndRunByName(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	deploy := func(name, version string, change ...func(*task.DeployTaskRequest)) error {
		m := &task.DeployTaskRequest{TaskId: &task.TaskIdentifier{Project: "flytesnacks", Domain: "development", Name: name, Version: version}, Spec: hello()}
		for _, c := range change {
			c(m)
		}
		_, err := f.tasks.DeployTask(ctx, connect.NewRequest(m))
		return err
	}
	for _, v := range []string{"v1", "v2"} {
		if err := deploy("hello.main", v); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, "deployed again", deploy("hello.main", "v1"), connect.CodeAlreadyExists, "v1")
	wantCode(t, "without a version", deploy("hello.main", ""), connect.CodeInvalidArgument, "version")
	wantCode(t, "without a template", deploy("x", "y", func(m *task.DeployTaskRequest) { m.Spec = nil }), connect.CodeInvalidArgument, "template")
	// A trigger is field 3; its name is field 1.
	err := deploy("entry.point", "v1", func(m *task.DeployTaskRequest) {
		m.GetSpec().GetTaskTemplate().GetMetadata().IsEntrypoint = true
		trigger := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "nightly")
		m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), trigger))
	})
	if err != nil {
		t.Error(err)
	}
	if w := f.warned(); len(w) != 1 || !strings.Contains(w[0], `"nightly"`) || !strings.Contains(w[0], "entry.point") {
		t.Errorf("warnings: %q", w)
	}

	list := func(change ...func(*task.ListTasksRequest)) string {
		t.Helper()
		m := &task.ListTasksRequest{ScopeBy: &task.ListTasksRequest_ProjectId{ProjectId: snacks}, Request: &common.ListRequest{Limit: 100}}
		for _, c := range change {
			c(m)
		}
		res, err := f.tasks.ListTasks(ctx, connect.NewRequest(m))
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, task := range res.Msg.GetTasks() {
			out = append(out, task.GetTaskId().GetName()+"@"+task.GetTaskId().GetVersion())
		}
		return strings.Join(out, " ")
	}
	filter := func(fn common.Filter_Function, field string, values ...string) func(*task.ListTasksRequest) {
		return func(m *task.ListTasksRequest) {
			m.Request.Filters = append(m.Request.Filters, &common.Filter{Function: fn, Field: field, Values: values})
		}
	}
	for _, tt := range []struct{ name, got, want string }{
		{"all, newest first", list(), "entry.point@v1 hello.main@v2"},
		{"oldest first", list(func(m *task.ListTasksRequest) {
			m.Request.SortBy = &common.Sort{Key: "created_at", Direction: common.Sort_ASCENDING}
		}), "hello.main@v2 entry.point@v1"},
		{"of no project", list(func(m *task.ListTasksRequest) {
			m.ScopeBy = &task.ListTasksRequest_ProjectId{ProjectId: &common.ProjectIdentifier{}}
		}), "entry.point@v1 hello.main@v2"},
		{"of a bad project", list(func(m *task.ListTasksRequest) {
			m.ScopeBy = &task.ListTasksRequest_ProjectId{ProjectId: &common.ProjectIdentifier{Name: "..", Domain: "x"}}
		}), `invalid_argument: ".." is no name for a project: letters, digits, dots, underscores and dashes are, without a dot or dash at the beginning`},
		{"by name", list(filter(equal, "name", "hello.main")), "hello.main@v2"},
		{"by environment", list(filter(contains, "name", "entry.")), "entry.point@v1"},
		{"entrypoints", list(func(m *task.ListTasksRequest) {
			m.KnownFilters = []*task.ListTasksRequest_KnownFilter{{FilterBy: &task.ListTasksRequest_KnownFilter_IsEntrypoint{IsEntrypoint: true}}}
		}), "entry.point@v1"},
		{"by somebody else", list(func(m *task.ListTasksRequest) {
			m.KnownFilters = []*task.ListTasksRequest_KnownFilter{{FilterBy: &task.ListTasksRequest_KnownFilter_DeployedBy{DeployedBy: "x"}}}
		}), ""},
		{"an unknown filter", list(filter(equal, "colour", "red")), `invalid_argument: drydock cannot filter this list by "colour"`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}

	get := func(version string) string {
		res, err := f.tasks.GetTaskDetails(ctx, connect.NewRequest(&task.GetTaskDetailsRequest{
			TaskId: &task.TaskIdentifier{Org: "x", Project: "flytesnacks", Domain: "development", Name: "hello.main", Version: version}}))
		if err != nil {
			return connect.CodeOf(err).String()
		}
		return res.Msg.GetDetails().GetTaskId().GetVersion()
	}
	if a, b, c := get("v1"), get(""), get("v9"); a != "v1" || b != "v2" || c != "not_found" {
		t.Errorf("versions: %s %s %s", a, b, c)
	}
	versions, err := f.tasks.ListVersions(ctx, connect.NewRequest(&task.ListVersionsRequest{Request: &common.ListRequest{Limit: 1},
		TaskName: &task.TaskName{Project: "flytesnacks", Domain: "development", Name: "hello.main"}}))
	if err != nil || len(versions.Msg.GetVersions()) != 1 || versions.Msg.GetVersions()[0].GetVersion() != "v2" || versions.Msg.GetToken() == "" {
		t.Errorf("versions: %v, %v", versions, err)
	}

	id := f.start(func(m *workflow.CreateRunRequest) {
		m.Task = &workflow.CreateRunRequest_TaskId{TaskId: &task.TaskIdentifier{Project: "flytesnacks", Domain: "development", Name: "hello.main", Version: "v1"}}
	})
	if d := f.details(id); d.GetMetadata().GetTask().GetId().GetVersion() != "v1" {
		t.Errorf("the run is of %v", d.GetMetadata())
	}
}
