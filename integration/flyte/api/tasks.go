// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"

	"drydock/integration/flyte/flyteidl2/task"
)

type taskService struct{ *server }

// DeployTask keeps a version of a task, but none of its triggers: nothing
// would start them.
func (s taskService) DeployTask(_ context.Context, req *connect.Request[task.DeployTaskRequest]) (*connect.Response[task.DeployTaskResponse], error) {
	id, spec := req.Msg.GetTaskId(), req.Msg.GetSpec()
	if err := checkTask(id, true); err != nil {
		return nil, err
	}
	if spec.GetTaskTemplate() == nil {
		return nil, invalid("task %s has no template", id.GetName())
	}
	if err := s.Registry.Touch(id.GetProject(), id.GetDomain()); err != nil {
		return nil, err
	}
	if err := s.Registry.Deploy(id, spec); err != nil {
		return nil, err
	}
	for _, name := range triggerNames(req.Msg) {
		s.Warn(fmt.Sprintf("trigger %q of task %s, version %s, will not fire: drydock runs no schedules", name, id.GetName(), id.GetVersion()))
	}
	return connect.NewResponse(&task.DeployTaskResponse{}), nil
}

// triggerNames reads the names of triggers, field 1 of each field 3, which
// our message does not have.
func triggerNames(m *task.DeployTaskRequest) (names []string) {
	eachField(m.ProtoReflect().GetUnknown(), func(n protowire.Number, trigger []byte) {
		if n != 3 {
			return
		}
		name := ""
		eachField(trigger, func(n protowire.Number, value []byte) {
			if n == 1 {
				name = string(value)
			}
		})
		names = append(names, name)
	})
	return names
}

// eachField calls f with the fields of a message that hold bytes.
func eachField(data []byte, f func(protowire.Number, []byte)) {
	for len(data) > 0 {
		n, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return
		}
		data = data[size:]
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(data)
			f(n, value)
		}
		if size = protowire.ConsumeFieldValue(n, kind, data); size < 0 {
			return
		}
		data = data[size:]
	}
}

func (s taskService) GetTaskDetails(_ context.Context, req *connect.Request[task.GetTaskDetailsRequest]) (*connect.Response[task.GetTaskDetailsResponse], error) {
	details, err := s.deployed(req.Msg.GetTaskId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&task.GetTaskDetailsResponse{Details: details}), nil
}

// deployed returns a version of a task, the newest when none is named.
func (s *server) deployed(id *task.TaskIdentifier) (*task.TaskDetails, error) {
	if err := checkTask(id, false); err != nil {
		return nil, err
	}
	return s.Registry.Task(id)
}

// ListTasks lists tasks, of each the newest version that the filters let
// through.
func (s taskService) ListTasks(_ context.Context, req *connect.Request[task.ListTasksRequest]) (*connect.Response[task.ListTasksResponse], error) {
	m := req.Msg
	match, err := compile(m.GetRequest().GetFilters(), taskFields)
	if err != nil {
		return nil, err
	}
	for _, f := range m.GetKnownFilters() {
		match = s.known(f, match)
	}
	project, domain := m.GetProjectId().GetName(), m.GetProjectId().GetDomain()
	if err := checkPart(project, domain); err != nil {
		return nil, err
	}
	found, total, err := s.Registry.Tasks(project, domain, match)
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(found, m.GetRequest(), taskOrders)
	if err != nil {
		return nil, err
	}
	out := &task.ListTasksResponse{Token: next,
		Metadata: &task.ListTasksResponse_ListTasksMetadata{Total: uint32(total), FilteredTotal: uint32(len(found))}}
	for _, t := range page {
		out.Tasks = append(out.Tasks, &task.Task{TaskId: t.GetTaskId(), Metadata: t.GetMetadata()})
	}
	return connect.NewResponse(out), nil
}

// known narrows match by one of the filters that have names of their own.
func (s *server) known(f *task.ListTasksRequest_KnownFilter, match func(*task.TaskDetails) bool) func(*task.TaskDetails) bool {
	switch by := f.GetFilterBy().(type) {
	case *task.ListTasksRequest_KnownFilter_DeployedBy:
		return func(t *task.TaskDetails) bool { return by.DeployedBy == s.User && match(t) }
	case *task.ListTasksRequest_KnownFilter_IsEntrypoint:
		return func(t *task.TaskDetails) bool { return entrypoint(t) == by.IsEntrypoint && match(t) }
	}
	return match
}

func entrypoint(t *task.TaskDetails) bool {
	return t.GetSpec().GetTaskTemplate().GetMetadata().GetIsEntrypoint()
}

func (s taskService) ListVersions(_ context.Context, req *connect.Request[task.ListVersionsRequest]) (*connect.Response[task.ListVersionsResponse], error) {
	name := req.Msg.GetTaskName()
	if err := first(checkScope(name.GetProject(), name.GetDomain()), checkText("task name", name.GetName())); err != nil {
		return nil, err
	}
	match, err := compile(req.Msg.GetRequest().GetFilters(), taskFields)
	if err != nil {
		return nil, err
	}
	all, err := s.Registry.Versions(name.GetProject(), name.GetDomain(), name.GetName())
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(keep(all, match), req.Msg.GetRequest(), taskOrders)
	if err != nil {
		return nil, err
	}
	out := &task.ListVersionsResponse{Token: next}
	for _, t := range page {
		out.Versions = append(out.Versions, &task.ListVersionsResponse_VersionResponse{
			Version: t.GetTaskId().GetVersion(), DeployedAt: t.GetMetadata().GetDeployedAt()})
	}
	return connect.NewResponse(out), nil
}

func deployedAt(t *task.TaskDetails) time.Time { return t.GetMetadata().GetDeployedAt().AsTime() }

var taskFields = fields[*task.TaskDetails]{
	"name":             {text: func(t *task.TaskDetails) string { return t.GetTaskId().GetName() }},
	"version":          {text: func(t *task.TaskDetails) string { return t.GetTaskId().GetVersion() }},
	"environment_name": {text: func(t *task.TaskDetails) string { return t.GetMetadata().GetEnvironmentName() }},
	"function_name":    {text: func(t *task.TaskDetails) string { return t.GetMetadata().GetShortName() }},
	"is_entrypoint":    {text: func(t *task.TaskDetails) string { return strconv.FormatBool(entrypoint(t)) }},
	"created_at":       {kind: moment, time: deployedAt},
	"updated_at":       {kind: moment, time: deployedAt},
}

var taskOrders = orders[*task.TaskDetails]{
	"created_at": taskTimeKey,
	"updated_at": taskTimeKey,
	"name":       taskKey,
	"version":    func(t *task.TaskDetails) string { return t.GetTaskId().GetVersion() + "\x00" + taskKey(t) },
}

func taskTimeKey(t *task.TaskDetails) string { return timeKey(deployedAt(t)) + taskKey(t) }

func taskKey(t *task.TaskDetails) string {
	id := t.GetTaskId()
	return id.GetName() + "\x00" + id.GetProject() + "\x00" + id.GetDomain() + "\x00" + id.GetVersion()
}
